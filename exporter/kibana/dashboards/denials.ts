import { count, type Dashboard, flows, has, is, time, top } from '../panel.ts';

const isDenied = is('sluice.verdict', 'DROPPED', 'ERROR');
const isDecision = is('event.action', 'policy-verdict');

export const denials: Dashboard = {
  id: 'sluice-denials',
  title: 'Sluice: drops and policy verdicts',
  description: 'What is dropped and why, what policies decide, and which rule did it.',
  query: '',
  panels: [
    {
      title: 'Drops by reason',
      view: 'edges',
      draw: 'bars',
      where: [isDenied],
      by: [time, top('event.reason', 'Reason')],
      show: [flows],
      width: 32,
      height: 12,
    },
    {
      title: 'Reasons',
      view: 'flows',
      draw: 'donut',
      where: [isDenied],
      by: [top('event.reason', 'Reason')],
      show: [count()],
      width: 16,
      height: 12,
    },
    {
      title: 'Denied conversations',
      view: 'edges',
      draw: 'table',
      where: [isDenied],
      by: [
        top('sluice.source.workload', 'From', 20),
        top('sluice.destination.workload', 'To', 10),
        top('destination.port', 'Port', 5),
        top('event.reason', 'Reason', 3),
      ],
      show: [flows],
      width: 48,
      height: 14,
    },
    {
      title: 'Policy verdicts',
      view: 'flows',
      draw: 'bars',
      where: [isDecision],
      by: [time, top('sluice.verdict', 'Verdict', 5)],
      show: [count('Decisions')],
      width: 24,
      height: 12,
    },
    {
      title: 'Decisions by direction and match',
      view: 'flows',
      draw: 'table',
      where: [isDecision],
      by: [
        top('network.direction', 'Direction', 2),
        top('sluice.match', 'Match', 7),
        top('sluice.verdict', 'Verdict', 5),
      ],
      show: [count('Decisions')],
      width: 24,
      height: 12,
    },
    {
      title: 'Rules that decided',
      view: 'flows',
      draw: 'table',
      where: [isDecision, has('rule.name')],
      by: [
        top('rule.name', 'Rule', 30),
        top('sluice.verdict', 'Verdict', 5),
        top('sluice.source.workload', 'From', 5),
        top('sluice.destination.workload', 'To', 5),
      ],
      show: [count('Decisions')],
      width: 48,
      height: 16,
    },
  ],
};
