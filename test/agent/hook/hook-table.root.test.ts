import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { after, before, beforeEach, describe, it } from 'node:test';
import { HookTable } from '../../../agent/hook/hook-table.ts';
import { type HookRole, hookRoles } from '../../../agent/hook/hook-role.ts';
import { BpfObject } from '../../../agent/kernel/bpf-object.ts';
import { programId } from '../../../agent/kernel/bpf-syscall.ts';
import { preparePinDir, removePinDir } from '../../../agent/kernel/bpffs.ts';
import { queryTcx } from '../../../agent/kernel/tcx-link.ts';
import { BpfObjects } from '../kernel/support/build-bpf.ts';
import { TestNetns } from '../kernel/support/test-netns.ts';

const pinDir = '/sys/fs/bpf/kern-hook';
const source = Object.values(hookRoles)
  .flat()
  .map(({ program }) => `SEC("tc") int ${program}(struct __sk_buff *skb) { return TC_ACT_UNSPEC; }`)
  .join('\n');

describe('HookTable', () => {
  const netns = new TestNetns('kern-hook');
  const objects = new BpfObjects();
  let object: BpfObject;
  let table: HookTable;

  before(() => {
    netns.enter();
    object = BpfObject.load({ path: objects.build('hooks', source) });
  });
  beforeEach(() => {
    removePinDir(pinDir);
    preparePinDir(pinDir);
    table = new HookTable(object, pinDir);
  });
  after(() => {
    object.close();
    objects.remove();
    removePinDir(pinDir);
    netns.remove();
  });

  const newLink = (name: string): number => {
    netns.ip('link add name', name, 'type veth');
    return netns.ifindex(name);
  };

  // What holds for each role.
  for (const role of Object.keys(hookRoles) as HookRole[]) {
    describe(`for the role ${role}`, () => {
      const hooks = hookRoles[role];
      const programs = (ifindex: number): number[][] =>
        hooks.map(({ direction }) => queryTcx(ifindex, direction).map((found) => found.programId));
      const wanted = (): number[][] => hooks.map(({ program }) => [programId(object.programFd(program))]);

      it('attaches each program on its side, once', () => {
        const ifindex = newLink(`${role}.1`);
        assert.deepEqual(table.attach(role, ifindex, `${role}.1`), ['attached', 'attached']);
        assert.deepEqual(table.attach(role, ifindex, `${role}.1`), ['kept', 'kept']);
        assert.deepEqual(programs(ifindex), wanted());
        assert.deepEqual(readdirSync(pinDir).sort(), [
          `link_${ifindex}_${role}_2e_1_egress`,
          `link_${ifindex}_${role}_2e_1_ingress`,
        ]);
      });

      it('is taken up by another table over the same pins', () => {
        const ifindex = newLink(`${role}2`);
        table.attach(role, ifindex, `${role}2`);
        assert.deepEqual(new HookTable(object, pinDir).attach(role, ifindex, `${role}2`), ['kept', 'kept']);
        assert.deepEqual(programs(ifindex), wanted());
      });

      it('gets the programs of another object in place', () => {
        const ifindex = newLink(`${role}3`);
        table.attach(role, ifindex, `${role}3`);
        const links = queryTcx(ifindex, 'ingress').map(({ linkId }) => linkId);
        const younger = BpfObject.load({ path: objects.build('younger', source) });
        table.setPrograms(younger);
        assert.deepEqual(table.attach(role, ifindex, `${role}3`), ['replaced', 'replaced']);
        assert.deepEqual(
          queryTcx(ifindex, 'ingress'),
          links.map((linkId) => ({ linkId, programId: programId(younger.programFd(hooks[0].program)) })),
        );
        younger.close();
        assert.equal(queryTcx(ifindex, 'ingress').length, 1, 'the link holds the program');
      });

      it('keeps its links when the interface is renamed', () => {
        const ifindex = newLink(`${role}4`);
        table.attach(role, ifindex, `${role}4`);
        netns.ip(`link set dev ${role}4 name ${role}5`);
        assert.deepEqual(table.attach(role, ifindex, `${role}5`), ['kept', 'kept']);
        assert.deepEqual(programs(ifindex), wanted());
        assert.equal(readdirSync(pinDir).length, 2);
      });

      it('is gone the moment it is detached', () => {
        const [one, other] = [newLink(`${role}6`), newLink(`${role}7`)];
        table.attach(role, one, `${role}6`);
        table.attach(role, other, `${role}7`);
        assert.deepEqual(table.pinnedInterfaces(), new Set([one, other]));
        table.detachExcept(new Set([other]));
        assert.deepEqual(programs(one), [[], []]);
        assert.deepEqual(programs(other), wanted());
        assert.deepEqual(table.pinnedInterfaces(), new Set([other]));
      });

      it('clears up after an interface that is gone', () => {
        const ifindex = newLink(`${role}8`);
        table.attach(role, ifindex, `${role}8`);
        netns.ip(`link del dev ${role}8`);
        table.detachExcept(new Set());
        assert.deepEqual(readdirSync(pinDir), []);
        assert.throws(() => table.attach(role, ifindex, `${role}8`), {
          name: 'KernelError',
          kind: 'missing',
        });
      });
    });
  }
});
