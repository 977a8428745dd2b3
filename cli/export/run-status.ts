import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import type { ExportReport } from '../../exporter/index.ts';
import { type Address, formatAddress } from '../../rpc/index.ts';
import type { Invocation } from '../command.ts';
import { lastText } from '../../flags/flag-spec.ts';
import { addressOf } from '../process/listen-flags.ts';
import { isWell, statusText } from './status-text.ts';

const TIMEOUT_MS = 5000;

/** `sluice export status`. */
export async function showStatus({ uses }: Invocation, fallback: string): Promise<number> {
  const address = addressOf('metrics', lastText(uses, 'metrics') ?? fallback);
  const json = await askStatus(address);
  const report = JSON.parse(json) as ExportReport;
  process.stdout.write(lastText(uses, 'output') === 'json' ? json : statusText(report));
  return isWell(report) ? 0 : 1;
}

async function askStatus(address: Address): Promise<string> {
  const target =
    address.kind === 'unix'
      ? { socketPath: address.path }
      : { host: address.host || 'localhost', port: address.port };
  try {
    return await new Promise<string>((resolve, reject) => {
      const asking = request({ ...target, path: '/status', timeout: TIMEOUT_MS }, (response) => {
        if (response.statusCode === 200) text(response).then(resolve, reject);
        else reject(new Error(`it answers with status ${response.statusCode}`));
      });
      asking.on('timeout', () => asking.destroy(new Error('it does not answer')));
      asking.on('error', reject);
      asking.end();
    });
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
    throw new Error(`no exporter at ${formatAddress(address)}: ${reason}`, { cause: error });
  }
}
