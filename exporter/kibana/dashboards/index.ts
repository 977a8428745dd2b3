import type { Dashboard } from '../panel.ts';
import { audit } from './audit.ts';
import { denials } from './denials.ts';
import { dns } from './dns.ts';
import { fleet } from './fleet.ts';
import { health } from './health.ts';
import { namespace } from './namespace.ts';
import { workload } from './workload.ts';

/** Every dashboard that is shipped. */
export const dashboards: readonly Dashboard[] = [fleet, denials, namespace, workload, audit, dns, health];
