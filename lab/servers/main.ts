/**
 * A process that runs one real server until it is asked to end, or until the server ends.
 *   usage: node lab/servers/main.ts kafka|elasticsearch DIRECTORY PORT
 */
import { once } from 'node:events';
import { ElasticsearchServer } from './elasticsearch-server.ts';
import { KafkaBroker } from './kafka-broker.ts';

const [name, directory, portText] = process.argv.slice(2);
const options = { directory, port: Number(portText) };
const stop = once(process, 'SIGTERM');
const server = name === 'kafka' ? await KafkaBroker.start(options) : await ElasticsearchServer.start(options);
process.stdout.write(`${name} is ready on port ${portText}\n`);
const ended = server.ended();
await Promise.race([stop, ended]);
// What it acknowledged is on disk: there is nothing to wait for.
await server.kill();
process.exit(0);
