import { count, type Dashboard, flows, is, time, top } from '../panel.ts';

const wouldBeDenied = is('sluice.verdict', 'AUDIT');

export const audit: Dashboard = {
  id: 'sluice-audit',
  title: 'Sluice: what would be denied',
  description:
    'Findings of policies in audit mode: what passed, and would not when the policies are enforced.',
  query: '',
  panels: [
    {
      title: 'Would be denied',
      view: 'flows',
      draw: 'metric',
      where: [wouldBeDenied],
      by: [],
      show: [count()],
      width: 12,
      height: 10,
    },
    {
      title: 'Over time, by workload',
      view: 'edges',
      draw: 'bars',
      where: [wouldBeDenied],
      by: [time, top('sluice.source.workload', 'From', 10)],
      show: [flows],
      width: 36,
      height: 10,
    },
    {
      title: 'Conversations',
      view: 'edges',
      draw: 'table',
      where: [wouldBeDenied],
      by: [
        top('sluice.source.workload', 'From', 30),
        top('sluice.destination.workload', 'To', 20),
        top('destination.port', 'Port', 5),
        top('network.transport', 'Protocol', 4),
      ],
      show: [flows],
      width: 48,
      height: 18,
    },
    {
      title: 'By direction',
      view: 'flows',
      draw: 'table',
      where: [wouldBeDenied],
      by: [top('network.direction', 'Direction', 2), top('sluice.match', 'Match', 7)],
      show: [count()],
      width: 24,
      height: 12,
    },
    {
      title: 'Workloads that it would hit',
      view: 'flows',
      draw: 'donut',
      where: [wouldBeDenied],
      by: [top('sluice.destination.workload', 'To', 10)],
      show: [count()],
      width: 24,
      height: 12,
    },
  ],
};
