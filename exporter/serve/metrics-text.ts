import type { ExportReport, SinkReport } from './report.ts';

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number];

/** A report as Prometheus reads it (exposition format, text 0.0.4). */
export function metricsText(report: ExportReport): string {
  const { config, source, spool, sinks } = report;
  const perSink = (value: (sink: SinkReport) => number): Sample[] =>
    sinks.map((sink) => [labelsOf(sink), value(sink)]);
  return [
    gauge('config_in_force', 'Whether what the configuration file holds is in force.', [
      [{}, config.problem === '' && config.needsRestart.length === 0 ? 1 : 0],
    ]),
    counter('config_reloads_total', 'Changes of the configuration that were put in force.', [
      [{}, config.reloads],
    ]),
    gauge('source_connected', 'Whether the source answers.', [[{}, source.state === 'following' ? 1 : 0]]),
    counter('source_messages_total', 'What came from the source.', [
      [{ kind: 'flow' }, source.counts.flows],
      [{ kind: 'duplicate' }, source.counts.duplicates],
      [{ kind: 'lost_notice' }, source.counts.lostNotices],
      [{ kind: 'node_notice' }, source.counts.nodeNotices],
      [{ kind: 'malformed' }, source.counts.malformed],
    ]),
    counter(
      'source_lost_events_total',
      'Events lost before they reached the exporter, as the source tells.',
      [[{}, source.counts.lostEvents]],
    ),
    counter('source_breaks_total', 'Breaks of the stream.', [[{}, source.breaks]]),
    counter('source_gaps_total', 'Breaks after which the source had nothing of what was known.', [
      [{}, source.gaps],
    ]),
    gauge('spool_bytes', 'Bytes in the spool.', [[{}, spool.bytes]]),
    gauge('spool_max_bytes', 'Bytes that it may have.', [[{}, spool.maxBytes]]),
    counter('spool_messages_total', 'Messages written to the spool since it was made.', [
      [{}, spool.written],
    ]),
    counter('spool_dropped_newest_total', 'Messages not taken, the spool being full.', [
      [{}, spool.droppedNewest],
    ]),
    counter('spool_write_errors_total', 'Writes that the disk refused.', [[{}, spool.writeErrors]]),
    gauge('spool_held', 'Whether the source is held back for want of room.', [[{}, spool.isHeld ? 1 : 0]]),
    counter(
      'sink_messages_total',
      'Messages by what became of them, since the sink first began.',
      sinks.flatMap((sink) =>
        Object.entries(sink.counts).map(([result, count]): Sample => [{ ...labelsOf(sink), result }, count]),
      ),
    ),
    counter(
      'sink_retries_total',
      'Writes that were tried again.',
      sinks.flatMap((sink) =>
        Object.entries(sink.retries).map(([cause, count]): Sample => [{ ...labelsOf(sink), cause }, count]),
      ),
    ),
    counter(
      'sink_counters_total',
      'What sinks count beside, such as documents that the store had already.',
      sinks.flatMap((sink) =>
        Object.entries(sink.counters).map(([counter, count]): Sample => [
          { ...labelsOf(sink), counter },
          count,
        ]),
      ),
    ),
    gauge(
      'sink_waiting_messages',
      'Messages that are not acknowledged yet.',
      perSink(({ waiting }) => waiting),
    ),
    gauge(
      'sink_lag_seconds',
      'How far a sink is behind the spool.',
      perSink(({ lagSeconds }) => lagSeconds),
    ),
    gauge(
      'sink_failing',
      'Whether a sink does not get on.',
      perSink(({ problem }) => (problem === '' ? 0 : 1)),
    ),
  ].join('');
}

function labelsOf({ name, kind }: SinkReport): Labels {
  return { sink: name, kind };
}

function gauge(name: string, help: string, samples: readonly Sample[]): string {
  return family('gauge', name, help, samples);
}

function counter(name: string, help: string, samples: readonly Sample[]): string {
  return family('counter', name, help, samples);
}

function family(type: string, name: string, help: string, samples: readonly Sample[]): string {
  const full = `sluice_export_${name}`;
  const lines = samples.map(([labels, value]) => `${full}${labelText(labels)} ${value}\n`);
  return `# HELP ${full} ${help}\n# TYPE ${full} ${type}\n${lines.join('')}`;
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(
    ([name, value]) =>
      `${name}="${value.replace(/[\\"\n]/g, (character) => (character === '\n' ? '\\n' : `\\${character}`))}"`,
  );
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}
