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
  /** Pins by index and direction, as `readPins` found them and this table changed them since: listing the directory for each hook is what would cost. */
  private readonly pins = new Map<string, string>();

  constructor(programs: Programs, pinDir: string) {
    this.programs = programs;
    this.pinDir = pinDir;
    this.readPins();
  }

  /** Takes other programs, such as a newer version's. Each interface gets them when it is next attached. */
  setPrograms(programs: Programs): void {
    this.programs = programs;
  }

  /** Looks at the pins anew: another agent may be at work in the same directory. To be called before each pass over all interfaces. */
  readPins(): void {
    this.pins.clear();
    for (const name of readdirSync(this.pinDir)) {
      const [, ifindex, direction] = LINK_PIN.exec(name) ?? [];
      if (ifindex === undefined) continue;
      const key = keyOf(Number(ifindex), direction);
      const other = this.pins.get(key);
      // Two agents may have met over an interface that was renamed; one link is enough.
      if (other !== undefined) detachTcx(`${this.pinDir}/${other}`);
      this.pins.set(key, name);
    }
  }

  /** Puts the programs of a role on an interface of this thread's network namespace; told per program of the role. Throws KernelError, with the rest of the role not attached. */
  attach(role: HookRole, ifindex: number, linkName: string): TcxOutcome[] {
    return hookRoles[role].map(({ program, direction }) => {
      const key = keyOf(ifindex, direction);
      const pin = `link_${ifindex}_${pinName(linkName)}_${direction}`;
      const known = this.pins.get(key);
      // An interface that was renamed keeps its link: a second one beside it would see every packet twice.
      if (known !== undefined && known !== pin)
        renameSync(`${this.pinDir}/${known}`, `${this.pinDir}/${pin}`);
      this.pins.set(key, pin);
      return attachTcx(this.programs.programFd(program), ifindex, direction, `${this.pinDir}/${pin}`);
    });
  }

  /** Detaches from all interfaces but these, gone ones included, whose pins are all that is left of them. When it returns, no program runs there. */
  detachExcept(ifindexes: ReadonlySet<number>): void {
    for (const [key, pin] of this.pins) {
      if (ifindexes.has(Number.parseInt(key))) continue;
      detachTcx(`${this.pinDir}/${pin}`);
      this.pins.delete(key);
    }
  }

  /** Interfaces for which there are pins. */
  pinnedInterfaces(): Set<number> {
    return new Set([...this.pins.keys()].map((key) => Number.parseInt(key)));
  }
}

function keyOf(ifindex: number, direction: string): string {
  return `${ifindex} ${direction}`;
}
