import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { LabPaths } from '../paths.ts';
import type { LabPlan } from '../topology/plan.ts';
import { ROOT } from './supervisor.ts';

const run = promisify(execFile);

/** Makes the lab's CA and certificates, as anybody would: by `sluice certs`, one for each agent. Rejects with its words. */
export async function makeCertificates(plan: LabPlan, paths: LabPaths): Promise<void> {
  const nodes = plan.clusters.flatMap((cluster) =>
    cluster.nodes.flatMap(({ name }) => ['--node', `${cluster.name}/${name}`]),
  );
  const args = [join(ROOT, 'cli/main.ts'), 'certs', 'create', paths.tlsDir, ...nodes];
  try {
    await run(process.execPath, args);
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    throw new Error(`certificates cannot be made: ${stderr?.trim() ?? message}`, { cause: error });
  }
}
