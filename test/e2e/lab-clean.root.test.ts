import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { labIsLacking, LabHarness, runLab } from './support/lab-harness.ts';

describe('the end of a lab', () => {
  it(
    'refuses a second of its name, and is cleaned up after a kill -9',
    { skip: labIsLacking() ?? false, timeout: 180_000 },
    async (t) => {
      const lab = LabHarness.start(t, ['--show-flows=false']);
      await lab.live();
      const second = runLab([`--name=${lab.name}`, '--port=0']);
      assert.equal(second.status, 1);
      assert.match(
        second.output,
        new RegExp(`a lab is running already \\(process ${lab.child.pid}, since .*\\)`),
      );
      assert.notEqual(lab.leftovers().length, 0);

      lab.child.kill('SIGKILL');
      assert.equal(await lab.exit, 'SIGKILL');
      const clean = runLab([`--name=${lab.name}`, '--clean']);
      assert.equal(clean.status, 0, clean.output);
      assert.match(
        clean.output,
        /removed what an earlier lab left: \d+ processes, 28 namespaces, \d pin director/,
      );
      assert.deepEqual(lab.leftovers(), []);
    },
  );

  it(
    'comes when npm, which started it, is killed, even while it starts; the next waits for that',
    { skip: labIsLacking() ?? false, timeout: 120_000 },
    async (t) => {
      const lab = LabHarness.startUnderNpm(t);
      await lab.printed('network is up');
      lab.child.kill('SIGKILL');
      await lab.printed('removing everything');
      const clean = runLab([`--name=${lab.name}`, '--clean']);
      assert.equal(clean.status, 0, clean.output);
      assert.match(clean.output, /left: 0 processes, 0 namespaces, 0 pin directories/);
      assert.deepEqual(lab.leftovers(), []);
    },
  );
});
