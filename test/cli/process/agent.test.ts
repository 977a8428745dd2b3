import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { agentCommand, agentOptions } from '../../../cli/process/agent.ts';
import { parseFlags } from '../../../flags/parse-flags.ts';
import { checkAgentOptions } from '../../../agent/config.ts';

const options = (...args: string[]): ReturnType<typeof agentOptions> =>
  agentOptions(parseFlags(args, agentCommand.flags ?? []).uses);

describe('the options of an agent', () => {
  it('are sound without any flag', () => {
    assert.deepEqual(checkAgentOptions(options('--node-name', 'node1')), []);
  });

  it('have DNS read unless told otherwise', () => {
    assert.equal(options().dns, true);
    assert.equal(options('--dns', 'on').dns, true);
    assert.equal(options('--dns=off').dns, false);
    assert.throws(() => options('--dns', 'no'), {
      name: 'UsageError',
      message: /"no" for --dns: expected one of on, off/,
    });
  });
});
