// Drives a fax server with InterFAX's own client and prints what the client understood, as one JSON object.
// Arguments: the folder with node_modules, the base URL, user name, password, their number, id of a received fax.
import { Buffer } from 'node:buffer';
import http from 'node:http';
import { createRequire } from 'node:module';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [folder, baseUrl, username, password, theirs, receivedId] = process.argv.slice(2);
const require = createRequire(join(folder, 'index.js'));
const InterFAX = require('interfax');
const client = new InterFAX({ username, password });
const said = {};

// The client knows one host and only https: what it asks there is asked here.
const { hostname, port } = new URL(baseUrl);
client._client._https = { request: (options) => http.request({ ...options, host: hostname, port }) };

const path = join(folder, 'letter.txt');
writeFileSync(path, 'Hello from a file.');
const sent = await client.deliver({ faxNumber: theirs, file: path, reference: 'job-1', retriesToPerform: 1 });
said.sent = sent;

// Sent in chunks, then named by its URL: the client does so with whatever is larger than a chunk.
const text = 'Hello in chunks. '.repeat(20);
const file = await client.files.create(Buffer.from(text), { mimeType: 'text/plain', chunkSize: 100 });
said.joined = await client.outbound.deliver({ faxNumber: theirs, files: [path, file], reference: 'job-2' });
said.documents = await client.documents.all({ limit: 5 });
const upload = await client.documents.create('kept.txt', 5, { disposition: 'permanent' });
await client.documents.upload(upload.id, 0, 4, Buffer.from('hello'));
said.document = await client.documents.find(upload.id);
await client.documents.cancel(upload.id);
said.gone = await client.documents.find(upload.id).catch((error) => error);

// Wait for the fax to be final.
while ((await client.outbound.find(sent.id)).status < 0) await new Promise((resolve) => setTimeout(resolve, 20));
said.found = await client.outbound.find(sent.id);
said.listed = (await client.outbound.all({ limit: 5 })).map((fax) => fax.id);
said.searched = (await client.outbound.search({ reference: 'job-1', faxNumber: theirs })).map((fax) => fax.id);
said.completed = (await client.outbound.completed([sent.id, 4711])).map((fax) => fax.status);
const image = await client.outbound.image(sent.id);
said.image = { extension: image.extension, begins: image.dataBuffer.toString('latin1', 0, 2) };
said.refused = await client.outbound.cancel(sent.id).catch((error) => error);
const tooLate = { faxNumber: theirs, file: path, postponeTime: '2099-01-01T00:00:00Z' };
said.postponed = await client.deliver(tooLate).catch((error) => error);
said.balance = await client.account.balance();

said.received = (await client.inbound.all({ unreadOnly: true })).map((fax) => fax.messageId);
said.receivedFax = await client.inbound.find(receivedId);
const pages = await client.inbound.image(receivedId);
said.pages = { extension: pages.extension, begins: pages.dataBuffer.toString('latin1', 0, 5) };
said.marked = await client.inbound.mark(receivedId, true);
said.unread = await client.inbound.all({ unreadOnly: true });
said.resent = await client.inbound.resend(receivedId, 'ann@example.org');
said.emails = await client.inbound.emails(receivedId);
said.nothing = await client.inbound.find(1).catch((error) => error);

console.log(JSON.stringify(said));
