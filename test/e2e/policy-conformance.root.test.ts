import { after, before, describe, it } from 'node:test';
import { ciliumCases } from './conformance/cilium-cases.ts';
import { ConformanceLab } from './conformance/lab.ts';
import { networkPolicyCases } from './conformance/network-policy-cases.ts';

/** Every so many cases; all of them with `npm run conformance`. */
const EVERY = process.env.SLUICE_CONFORMANCE === 'all' ? 1 : 4;

let lab: ConformanceLab;

before(async () => {
  lab = new ConformanceLab('polc');
  await lab.start();
});
after(() => lab?.remove());

// SCTP is not among the connections: this needs sockets of it (CONFIG_IP_SCTP), which few kernels here have. Packets of it are in the tests of the programs.
for (const [kinds, cases] of [
  ['NetworkPolicy', networkPolicyCases],
  ['Cilium’s kinds', ciliumCases],
] as const) {
  describe(`real connections under ${kinds}`, () => {
    for (const [i, { name, steps }] of cases.entries()) {
      if (i % EVERY !== 0) continue;
      it(name, async () => {
        for (const step of steps) await lab.check(step);
      });
    }
  });
}
