import type { Direction } from '../model.ts';
import { DENIED } from './flow-outcome.ts';
import type { Conversation } from './traffic-recorder.ts';

/**
 * The ends whose policies decide about what a conversation shows, in the order in which a packet meets them. What was seen at the destination has passed the source, so both
 * are asked. What the source let through is judged there alone: the destination saw it for itself, if it arrived. What the source held back has both ends before it.
 */
export function askedEnds({ direction, outcome, destination }: Conversation): readonly Direction[] {
  if (direction === 'egress') return outcome === DENIED ? both : egress;
  // A node is the host to itself, and another node to those who send: which, only they can tell.
  return destination.kind === 'reserved' ? ingress : both;
}

const egress: readonly Direction[] = ['egress'];
const ingress: readonly Direction[] = ['ingress'];
const both: readonly Direction[] = ['egress', 'ingress'];
