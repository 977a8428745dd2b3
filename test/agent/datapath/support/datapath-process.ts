/**
 * A process that serves pods until it is killed: what an agent is to the kernel.
 *   usage: node datapath-process.ts PIN-DIR NAME=ADDRESS ...
 */
import { LocalDatapath } from './local-datapath.ts';
import { pod } from './pod.ts';

const [pinDir, ...pods] = process.argv.slice(2);
const local = new LocalDatapath({ pinDir });
local.start(
  ...pods.map((text, i) => {
    const [name, address] = text.split('=');
    return pod(name, [address], 1001 + i);
  }),
);
process.stdout.write(`${local.served.join(', ')}\n`);
