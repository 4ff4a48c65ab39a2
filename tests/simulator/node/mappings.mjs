// Reads all e-mail addresses of some services with Sinch's own client and prints them as one JSON object:
// {service: {address: {"listed": {number: permissions}, "asked": {number: permissions}}}}, from the list of addresses
// and from the numbers of each address.
// Arguments: the folder with node_modules, the base URL, project, key id, key secret, ids of the services.
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [folder, baseUrl, projectId, keyId, keySecret, ...services] = process.argv.slice(2);
const require = createRequire(join(folder, 'index.js'));
const { SinchClient } = require('@sinch/sdk-core');
const { fax } = new SinchClient({ projectId, keyId, keySecret, authHostname: baseUrl, faxHostname: baseUrl });
const seen = {};

for (const serviceId of services) {
  seen[serviceId] = {};
  for await (const { email, phoneNumbers } of fax.faxToEmail.list({ serviceId, pageSize: 2 })) {
    const asked = {};
    for await (const each of fax.faxToEmail.listNumbers({ serviceId, email, pageSize: 2 })) {
      asked[each.phoneNumber] = each.permissions;
    }
    const listed = Object.fromEntries(phoneNumbers.map((each) => [each.number, each.permissions]));
    seen[serviceId][email] = { listed, asked };
  }
}
process.stdout.write(JSON.stringify(seen));
