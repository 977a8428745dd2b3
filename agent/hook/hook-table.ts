import { readdirSync, renameSync } from 'node:fs';
import { pinName } from '../kernel/bpffs.ts';
import { attachTcx, detachTcx, type TcxOutcome } from '../kernel/tcx-link.ts';
import { type HookRole, hookRoles } from './hook-role.ts';

/** Where programs come from: a loaded object. */
export interface Programs {
  /** Throws when there is no such program. */
  programFd(name: string): number;
}

const LINK_PIN = /^link_(\d+)_.*_(ingress|egress)$/;

/**
 * The node's programs on its interfaces, held by pinned links `link_<ifindex>_<name>_<direction>`: the name for people, the index for us. What is attached is asked of the
 * kernel each time and never remembered, so a table made by a new process takes up the old one's links without a packet passing unseen or seen twice.
 */
export class HookTable {
  private readonly pinDir: string;
  private programs: Programs;

  constructor(programs: Programs, pinDir: string) {
    this.programs = programs;
    this.pinDir = pinDir;
  }

  /** Takes other programs, such as a newer version's. Each interface gets them when it is next attached. */
  setPrograms(programs: Programs): void {
    this.programs = programs;
  }

  /** Puts the programs of a role on an interface of this thread's network namespace; told per program of the role. Throws KernelError, with the rest of the role not attached. */
  attach(role: HookRole, ifindex: number, linkName: string): TcxOutcome[] {
    return hookRoles[role].map(({ program, direction }) => {
      const pin = `link_${ifindex}_${pinName(linkName)}_${direction}`;
      this.adoptRenamed(ifindex, direction, pin);
      return attachTcx(this.programs.programFd(program), ifindex, direction, `${this.pinDir}/${pin}`);
    });
  }

  /** Detaches from all interfaces but these, gone ones included, whose pins are all that is left of them. When it returns, no program runs there. */
  detachExcept(ifindexes: ReadonlySet<number>): void {
    for (const pin of this.pins()) {
      if (!ifindexes.has(indexOf(pin))) detachTcx(`${this.pinDir}/${pin}`);
    }
  }

  /** Interfaces for which there are pins. */
  pinnedInterfaces(): Set<number> {
    return new Set(this.pins().map(indexOf));
  }

  /** An interface that was renamed keeps its link: a second one beside it would see every packet twice. */
  private adoptRenamed(ifindex: number, direction: string, pin: string): void {
    const known = this.pins().find((name) => indexOf(name) === ifindex && name.endsWith(`_${direction}`));
    if (known !== undefined && known !== pin) renameSync(`${this.pinDir}/${known}`, `${this.pinDir}/${pin}`);
  }

  private pins(): string[] {
    return readdirSync(this.pinDir).filter((name) => LINK_PIN.test(name));
  }
}

function indexOf(pin: string): number {
  return Number(LINK_PIN.exec(pin)?.[1]);
}
