/** How a command ends when nobody reads what it prints any more. */

let onStdoutError: (error: NodeJS.ErrnoException) => void = (error) => {
  // The reader of the pipe has gone (`| head`): there is nobody left to tell, so the end is a quiet one.
  if (error.code !== 'EPIPE') process.stderr.write(`error: cannot write to stdout: ${error.message}\n`);
  process.exit(error.code === 'EPIPE' ? 0 : 1);
};

/** Called once, at the start of the program. Without it a closed pipe ends it with a stack trace. */
export function watchStreams(): void {
  process.stdout.on('error', (error) => onStdoutError(error));
  process.stderr.on('error', () => {}); // logs and errors that nobody reads are no reason to die
}

/** Replaces what happens when stdout cannot be written to; else the process ends at once. */
export function onStdoutFailure(handler: (error: NodeJS.ErrnoException) => void): void {
  onStdoutError = handler;
}
