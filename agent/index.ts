import { Agent } from './agent.ts';
import { type AgentOptions, checkAgentOptions, type ProcessIo } from './config.ts';
import { checkKernel, describeMissing } from './kernel/kernel-check.ts';
import { logLine } from '../rpc/log.ts';

export { type AgentOptions, checkAgentOptions, type ProcessIo, type RemoteCluster } from './config.ts';
export { removePins } from './datapath/datapath.ts';

/**
 * Runs an agent until `io.signal` aborts. Returns the exit status: 0 for a clean end, 1 when it could not start or could not go on; why, and what to do, is in the log.
 */
export async function runAgent(options: AgentOptions, io: ProcessIo): Promise<number> {
  const faults = [...checkAgentOptions(options), ...checkKernelLines(options.ringBytesPerCpu)];
  if (faults.length > 0) {
    for (const line of faults) io.log(logLine('error', line));
    return 1;
  }
  const agent = new Agent(options, io);
  try {
    await agent.start();
    await agent.ended;
    return agent.failed ? 1 : 0;
  } catch (error) {
    io.log(logLine('error', (error as Error).message));
    return 1;
  } finally {
    await agent.stop();
    io.log(logLine('info', 'agent stopped'));
  }
}

function checkKernelLines(ringBytesPerCpu: number): string[] {
  const missing = checkKernel(undefined, ringBytesPerCpu);
  return missing.length === 0 ? [] : describeMissing(missing).split('\n');
}
