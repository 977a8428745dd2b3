/** Run as a child process: listens on the Unix socket given, and says so. Killed, it leaves the socket's file behind. */
import { createServer } from 'node:net';

createServer().listen(process.argv[2], () => process.send?.('listening'));
