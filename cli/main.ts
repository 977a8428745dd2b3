/** `sluice`: runs the command that its arguments name, and tells what went wrong. */
import { dispatch } from './dispatch.ts';
import { watchStreams } from './streams.ts';

watchStreams();
try {
  process.exitCode = await dispatch(process.argv.slice(2));
} catch (error) {
  const { describeError } = await import('./describe-error.ts');
  process.exitCode = 1;
  process.stderr.write(describeError(error));
}
