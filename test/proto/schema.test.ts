import assert from 'node:assert/strict';
import { type DescField, type DescFile, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { file_flow_flow } from '../../proto/gen/flow/flow_pb.ts';
import { file_grpc_health_v1_health } from '../../proto/gen/grpc/health/v1/health_pb.ts';
import { file_grpc_reflection_v1_reflection } from '../../proto/gen/grpc/reflection/v1/reflection_pb.ts';
import { file_grpc_reflection_v1alpha_reflection } from '../../proto/gen/grpc/reflection/v1alpha/reflection_pb.ts';
import { file_observer_observer } from '../../proto/gen/observer/observer_pb.ts';
import { file_peer_peer } from '../../proto/gen/peer/peer_pb.ts';
import { file_relay_relay } from '../../proto/gen/relay/relay_pb.ts';
import { file_sluice_v1_aggregation } from '../../proto/gen/sluice/v1/aggregation_pb.ts';
import { file_sluice_v1_diagnostics } from '../../proto/gen/sluice/v1/diagnostics_pb.ts';
import { generate } from '../../scripts/generate.ts';

const root = join(import.meta.dirname, '../..');
const hubbleFiles = [file_flow_flow, file_observer_observer, file_peer_peer, file_relay_relay];

function typeOf(field: DescField): string {
  const list = field.fieldKind === 'list' ? ' repeated' : '';
  if (field.message !== undefined) return field.message.typeName + list;
  if (field.enum !== undefined) return field.enum.typeName + list;
  return ScalarType[field.scalar ?? 0].toLowerCase() + list;
}

function describeMessage(message: DescMessage): string[] {
  const fields = message.fields.map((field) => {
    const oneof = field.oneof === undefined ? '' : ` oneof=${field.oneof.name}`;
    const deprecated = field.deprecated ? ' deprecated' : '';
    return {
      number: field.number,
      line: `  ${field.number} ${field.name} ${typeOf(field)}${oneof}${deprecated}`,
    };
  });
  const lines = fields.sort((a, b) => a.number - b.number).map(({ line }) => line);
  return [`message ${message.typeName}`, ...lines];
}

const withNested = (messages: readonly DescMessage[]): DescMessage[] =>
  messages.flatMap((message) => [message, ...withNested(message.nestedMessages)]);

/** All messages and enums of the files, in the form of testdata/hubble-api.txt. */
function describeFiles(files: readonly DescFile[]): string {
  const messages = withNested(files.flatMap((file) => file.messages));
  const enums = [
    ...files.flatMap((file) => file.enums),
    ...messages.flatMap((message) => message.nestedEnums),
  ];
  const byName = (a: { typeName: string }, b: { typeName: string }): number =>
    a.typeName < b.typeName ? -1 : 1;
  const blocks = [
    ...messages.sort(byName).map(describeMessage),
    ...enums
      .sort(byName)
      .map((enumeration) => [
        `enum ${enumeration.typeName}`,
        ...enumeration.values
          .toSorted((a, b) => a.number - b.number)
          .map(({ number, name, deprecated }) => `  ${number} ${name}${deprecated ? ' deprecated' : ''}`),
      ]),
  ];
  return `${blocks.flat().join('\n')}\n`;
}

describe('the schema', () => {
  it('has the messages, fields and numbers of the Hubble API', () => {
    const expected = readFileSync(join(root, 'test/testdata/hubble-api.txt'), 'utf8');
    assert.deepEqual(describeFiles(hubbleFiles).split('\n'), expected.split('\n'));
  });

  it('reserves what the Hubble API reserves', () => {
    const reserved = withNested(hubbleFiles.flatMap((file) => file.messages)).flatMap(({ typeName, proto }) =>
      proto.reservedRange.map(({ start, end }) => `${typeName} ${start}..${(end ?? 0) - 1}`),
    );
    assert.deepEqual(reserved.sort(), [
      'flow.Flow 12..12',
      'flow.Flow 17..17',
      'flow.Flow 18..18',
      'flow.Flow 7..7',
      'observer.GetFlowsRequest 2..2',
      'observer.GetFlowsRequest.Experimental 1..1',
    ]);
    const enums = file_flow_flow.enums.flatMap(({ typeName, proto }) =>
      proto.reservedRange.map(({ start, end }) => `${typeName} ${start}..${end}`),
    );
    assert.deepEqual(enums.sort(), ['flow.AgentEventType 1..1', 'flow.DebugCapturePoint 1..3']);
  });

  it('has the files under the names by which reflection clients ask for them', () => {
    const names = hubbleFiles.map(({ proto }) => proto.name);
    assert.deepEqual(names, [
      'flow/flow.proto',
      'observer/observer.proto',
      'peer/peer.proto',
      'relay/relay.proto',
    ]);
    const { dependency, publicDependency } = file_observer_observer.proto;
    assert.deepEqual(
      publicDependency.map((i) => dependency[i]),
      ['flow/flow.proto'],
    );
    const messages = withNested(file_flow_flow.messages);
    const deprecated = messages.filter(({ deprecated }) => deprecated).map(({ name }) => name);
    assert.deepEqual(deprecated, [
      'Kafka',
      'ServiceUpsertNotificationAddr',
      'ServiceUpsertNotification',
      'ServiceDeleteNotification',
    ]);
  });

  it('has the paths and kinds of call of every service', () => {
    const files = [
      ...hubbleFiles,
      file_grpc_health_v1_health,
      file_grpc_reflection_v1_reflection,
      file_grpc_reflection_v1alpha_reflection,
      file_sluice_v1_aggregation,
      file_sluice_v1_diagnostics,
    ];
    const calls = files.flatMap((file) =>
      file.services.flatMap((service) =>
        service.methods.map(
          ({ name, methodKind, input, output }) =>
            `/${service.typeName}/${name} ${methodKind} ${input.name} ${output.name}`,
        ),
      ),
    );
    assert.deepEqual(calls, [
      '/observer.Observer/GetFlows server_streaming GetFlowsRequest GetFlowsResponse',
      '/observer.Observer/GetAgentEvents server_streaming GetAgentEventsRequest GetAgentEventsResponse',
      '/observer.Observer/GetDebugEvents server_streaming GetDebugEventsRequest GetDebugEventsResponse',
      '/observer.Observer/GetNodes unary GetNodesRequest GetNodesResponse',
      '/observer.Observer/GetNamespaces unary GetNamespacesRequest GetNamespacesResponse',
      '/observer.Observer/ServerStatus unary ServerStatusRequest ServerStatusResponse',
      '/peer.Peer/Notify server_streaming NotifyRequest ChangeNotification',
      '/grpc.health.v1.Health/Check unary HealthCheckRequest HealthCheckResponse',
      '/grpc.health.v1.Health/Watch server_streaming HealthCheckRequest HealthCheckResponse',
      '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo bidi_streaming ServerReflectionRequest ServerReflectionResponse',
      '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo bidi_streaming ServerReflectionRequest ServerReflectionResponse',
      '/sluice.v1.Aggregation/AggregateFlows server_streaming AggregateFlowsRequest AggregateFlowsResponse',
      '/sluice.v1.Diagnostics/GetStatus unary GetStatusRequest GetStatusResponse',
    ]);
  });

  it('generates just what is checked in', () => {
    const out = mkdtempSync(join(tmpdir(), 'sluice-generate-'));
    try {
      generate(out);
      const filesIn = (folder: string): string[] =>
        readdirSync(folder, { recursive: true, encoding: 'utf8' })
          .filter((name) => name.endsWith('.ts'))
          .sort();
      const checkedIn = join(root, 'proto/gen');
      assert.deepEqual(filesIn(out), filesIn(checkedIn));
      for (const name of filesIn(out)) {
        assert.equal(
          readFileSync(join(out, name), 'utf8'),
          readFileSync(join(checkedIn, name), 'utf8'),
          `proto/gen/${name} is out of date: npm run generate`,
        );
      }
    } finally {
      rmSync(out, { recursive: true });
    }
  });
});
