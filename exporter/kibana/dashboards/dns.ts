import { count, type Dashboard, is, isNot, time, top } from '../panel.ts';

const isQuestion = is('dns.type', 'query');
const isAnswer = is('dns.type', 'answer');

export const dns: Dashboard = {
  id: 'sluice-dns',
  title: 'Sluice: DNS',
  description: 'Who asks for what, what comes back, and how long it takes.',
  query: '',
  panels: [
    {
      title: 'Answers by code',
      view: 'flows',
      draw: 'bars',
      where: [isAnswer],
      by: [time, top('dns.response_code', 'Answer', 6)],
      show: [count('Answers')],
      width: 32,
      height: 12,
    },
    {
      title: 'Types of questions',
      view: 'flows',
      draw: 'donut',
      where: [isQuestion],
      by: [top('dns.question.type', 'Type', 8)],
      show: [count('Questions')],
      width: 16,
      height: 12,
    },
    {
      title: 'Names asked for',
      view: 'flows',
      draw: 'table',
      where: [isQuestion],
      by: [top('dns.question.name', 'Name', 30), top('sluice.source.workload', 'By', 5)],
      show: [count('Questions')],
      width: 24,
      height: 16,
    },
    {
      title: 'Names that have no answer',
      view: 'flows',
      draw: 'table',
      where: [isAnswer, isNot('dns.response_code', 'NOERROR')],
      by: [
        top('dns.question.name', 'Name', 30),
        top('dns.response_code', 'Answer', 4),
        top('sluice.destination.workload', 'To', 5),
      ],
      show: [count('Answers')],
      width: 24,
      height: 16,
    },
    {
      title: 'Time to an answer (ns)',
      view: 'flows',
      draw: 'lines',
      where: [isAnswer],
      by: [time],
      show: [
        { kind: 'percentile', field: 'event.duration', percent: 50, label: 'Half' },
        { kind: 'percentile', field: 'event.duration', percent: 95, label: '95 in 100' },
      ],
      width: 48,
      height: 12,
    },
  ],
};
