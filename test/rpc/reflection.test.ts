import * as grpc from '@grpc/grpc-js';
import { loadFileDescriptorSetFromBuffer } from '@grpc/proto-loader';
import { create, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { fromBinary } from '@bufbuild/protobuf';
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Health } from '../../proto/gen/grpc/health/v1/health_pb.ts';
import { Observer } from '../../proto/gen/observer/observer_pb.ts';
import { reflectionRoutes } from '../../rpc/index.ts';
import { connectForeign, type Loose } from '../support/grpc-client.ts';
import { type RpcTestServer, startRpcServer } from '../support/rpc-test-server.ts';

/** A stream to write on, which the foreign client's type leaves out. */
interface Duplex {
  write(message: Loose): void;
  end(): void;
  on(event: 'data', listener: (message: Loose) => void): void;
  on(event: 'error', listener: () => void): void;
  on(event: 'status', listener: () => void): void;
}

for (const version of ['v1', 'v1alpha']) {
  describe(`reflectionRoutes(), ${version}`, () => {
    let server: RpcTestServer;

    before(async () => {
      server = await startRpcServer({
        routes: (router) => {
          router.service(Observer, {
            serverStatus: () => ({ version: 'found by reflection', numFlows: 3n }),
          });
          reflectionRoutes(router, [Observer.file, Health.file]);
        },
      });
    });
    after(() => server.close());

    async function ask(...requests: Loose[]): Promise<Loose[]> {
      const client = connectForeign(
        server.unix,
        `grpc/reflection/${version}/reflection.proto`,
        `grpc.reflection.${version}.ServerReflection`,
      );
      const call = client.stream('ServerReflectionInfo', undefined) as unknown as Duplex;
      const answers: Loose[] = [];
      call.on('data', (message) => answers.push(message));
      call.on('error', () => {});
      const ended = new Promise<void>((resolve) => call.on('status', resolve));
      for (const request of requests) call.write(request);
      call.end();
      await ended;
      client.close();
      return answers;
    }

    it('lists the services', async () => {
      const [answer] = await ask({ list_services: '' });
      const { service } = answer['list_services_response'] as { service: { name: string }[] };
      assert.deepEqual(
        service.map(({ name }) => name),
        [
          'grpc.health.v1.Health',
          'grpc.reflection.v1.ServerReflection',
          'grpc.reflection.v1alpha.ServerReflection',
          'observer.Observer',
        ],
      );
    });

    for (const request of [
      { file_containing_symbol: 'observer.Observer' },
      { file_containing_symbol: 'observer.Observer.ServerStatus' },
      { file_containing_symbol: 'observer.GetFlowsRequest.Experimental' },
      { file_by_filename: 'observer/observer.proto' },
    ]) {
      it(`gives files that a client can call by: ${JSON.stringify(request)}`, async () => {
        const [answer] = await ask(request);
        const { file_descriptor_proto: files } = answer['file_descriptor_response'] as {
          file_descriptor_proto: Uint8Array[];
        };
        const parsed = files.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
        assert.equal(parsed[0].name, 'observer/observer.proto');
        const set = create(FileDescriptorSetSchema, { file: parsed });
        const definition = loadFileDescriptorSetFromBuffer(
          Buffer.from(toBinary(FileDescriptorSetSchema, set)),
          { keepCase: true, longs: String },
        );
        const Client = grpc.makeGenericClientConstructor(
          definition['observer.Observer'] as grpc.ServiceDefinition,
          'Observer',
        );
        const client = new Client(server.unix, grpc.credentials.createInsecure());
        const methods = client as unknown as Record<
          string,
          (request: Loose, done: (error: Error | null, response: Loose) => void) => void
        >;
        const response = await new Promise<Loose>((resolve, reject) => {
          methods['ServerStatus']({}, (error, got) => (error === null ? resolve(got) : reject(error)));
        });
        assert.deepEqual([response['version'], response['num_flows']], ['found by reflection', '3']);
        client.close();
      });
    }

    it('finds types, fields and enums by their full names', async () => {
      for (const symbol of ['flow.Flow', 'flow.Flow.Summary', 'flow.Verdict', 'relay.NodeState']) {
        const [answer] = await ask({ file_containing_symbol: symbol });
        assert.equal(answer['message_response'], 'file_descriptor_response', symbol);
      }
    });

    it('answers what it does not know with NOT_FOUND, and goes on', async () => {
      const answers = await ask(
        { file_by_filename: 'no/such.proto' },
        { file_containing_symbol: 'no.Such' },
        { file_containing_extension: { containing_type: 'flow.Flow', extension_number: 5 } },
        { all_extension_numbers_of_type: 'flow.Flow' },
        { all_extension_numbers_of_type: 'no.Such' },
      );
      const told = answers.map((answer) => {
        const error = answer['error_response'] as { error_code: number; error_message: string } | undefined;
        return error === undefined || error === null ? 'found' : `${error.error_code} ${error.error_message}`;
      });
      assert.deepEqual(told, [
        '5 file "no/such.proto" not found',
        '5 symbol "no.Such" not found',
        '5 extension 5 of "flow.Flow" not found',
        'found',
        '5 type "no.Such" not found',
      ]);
    });
  });
}
