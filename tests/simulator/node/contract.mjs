// Drives a fax server with Sinch's own client and prints what the client understood, as one JSON object.
// Arguments: the folder with node_modules, the base URL, project, key id, key secret, our number, their number.
// Standard input: {"json": [texts], "forms": [objects]}, webhooks as a receiver got them.
import { Buffer } from 'node:buffer';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

const [folder, baseUrl, projectId, keyId, keySecret, ours, theirs] = process.argv.slice(2);
const require = createRequire(join(folder, 'index.js'));
const { FaxCallbackWebhooks, SinchClient } = require('@sinch/sdk-core');
const { fax } = new SinchClient({ projectId, keyId, keySecret, authHostname: baseUrl, faxHostname: baseUrl });
const webhooks = JSON.parse(await text(process.stdin));
const said = {};

async function all(list) {
  const items = [];
  for await (const item of list) items.push(item);
  return items;
}

// Sending as JSON (with files) and as a form (with paths); the form of client 1.4.0 can carry no labels.
const file = { file: Buffer.from('Hello from the client.').toString('base64'), fileType: 'TXT' };
[said.sentAsJson] = await fax.faxes.send({
  sendFaxRequestBody: { to: theirs, from: ours, files: [file], labels: { jobid: 'F-1' }, maxRetries: 1 },
});
const path = join(folder, 'letter.txt');
writeFileSync(path, 'Hello from a file.');
said.sentAsForm = await fax.faxes.send({
  sendFaxRequestBody: { to: [theirs, '+12025550144'], filePaths: [path], headerText: 'North Clinic' },
});

said.got = await fax.faxes.get({ id: said.sentAsJson.id });
const aDayAgo = new Date(Date.now() - 86_400_000);
const filter = { to: theirs, pageSize: 1, createTimeRange: { from: aDayAgo } };
said.listed = (await all(fax.faxes.list(filter))).map((each) => each.id);
said.pages = (await fax.faxes.list({ pageSize: 2 })).data.length;

// Downloading waits for the fax to be final.
while ((await fax.faxes.get({ id: said.sentAsJson.id })).status === 'IN_PROGRESS') {
  await new Promise((resolve) => setTimeout(resolve, 20));
}
const download = await fax.faxes.downloadContent({ id: said.sentAsJson.id });
said.download = { name: download.fileName, begins: Buffer.from(download.buffer).toString('latin1', 0, 5) };
await fax.faxes.deleteContent({ id: said.sentAsJson.id });
said.hasFileAfterDeletion = (await fax.faxes.get({ id: said.sentAsJson.id })).hasFile;

const service = await fax.services.create({
  createServiceRequestBody: { name: 'Clinic', incomingWebhookUrl: 'http://hook:secret@127.0.0.1:1/in' },
});
said.createdService = service;
said.updatedService = await fax.services.update({
  serviceId: service.id,
  updateServiceRequestBody: { name: 'North Clinic', webhookContentType: 'application/json' },
});
said.services = (await all(fax.services.list({ pageSize: 1 }))).map((each) => each.name);
await fax.services.delete({ serviceId: service.id });

const serviceId = said.sentAsJson.serviceId;
said.numbers = (await all(fax.services.listNumbers({ serviceId }))).map((each) => each.phoneNumber);
const email = 'in+take@clinic.example';
said.addedEmail = await fax.faxToEmail.addToNumbers({
  serviceId,
  emailRequestBody: { email, phoneNumbers: [{ number: ours, permissions: 'both' }] },
});
said.updatedEmail = await fax.faxToEmail.update({
  serviceId,
  email,
  updateEmailRequestBody: { phoneNumbers: [{ number: ours, permissions: 'receive' }] },
});
said.emails = (await all(fax.faxToEmail.list({ serviceId }))).map((each) => each.email);
said.emailNumbers = await all(fax.faxToEmail.listNumbers({ serviceId, email }));
said.numberEmails = await all(fax.faxToEmail.listForNumber({ serviceId, phoneNumber: ours }));
await fax.faxToEmail.delete({ serviceId, email });
said.emailsAfterDeletion = await all(fax.faxToEmail.list({ serviceId }));

const coverPage = await fax.coverPages.add({
  serviceId,
  addCoverPageRequestBody: {
    name: 'Referral',
    file: { fileContent: Buffer.from(download.buffer).toString('base64'), fileType: 'PDF' },
  },
});
said.coverPage = { ...coverPage, file: undefined };
said.coverPages = (await all(fax.coverPages.list({ serviceId }))).map((each) => each.name);
await fax.coverPages.delete({ serviceId, coverPageId: coverPage.id });

said.refused = await fax.faxes.send({ sendFaxRequestBody: { to: '+12', files: [file] } }).catch(String);

const parser = new FaxCallbackWebhooks();
said.webhooks = [...webhooks.json, ...webhooks.forms].map((event) => parser.parseEvent(event));
process.stdout.write(JSON.stringify(said));
