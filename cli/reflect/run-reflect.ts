import { create, fromBinary, toBinary, toJson } from '@bufbuild/protobuf';
import { type FileDescriptorProto, FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { FRAME_PREFIX_BYTES } from '../../proto/flow/frame.ts';
import { escapeJson } from '../../proto/flow/text/json-string.ts';
import {
  ServerReflectionRequestSchema,
  type ServerReflectionResponse,
  ServerReflectionResponseSchema,
} from '../../proto/gen/grpc/reflection/v1alpha/reflection_pb.ts';
import type { Invocation } from '../command.ts';
import { loadSettings, type Server, withServer } from '../server/with-server.ts';

const PATH = '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo';

/** Services that every server has, and nobody asks for. */
const commonServices = new Set(['grpc.reflection.v1alpha.ServerReflection', 'grpc.health.v1.Health']);

/** What this command asks. */
interface Question {
  readonly case: 'listServices' | 'fileContainingSymbol' | 'fileByFilename';
  readonly value: string;
}

/** Asks one question in a stream of its own. Throws Error for an answer that tells of an error. */
async function ask(
  { connection, unary }: Server,
  messageRequest: Question,
): Promise<ServerReflectionResponse['messageResponse']> {
  const request = create(ServerReflectionRequestSchema, { messageRequest });
  const body = toBinary(ServerReflectionRequestSchema, request);
  let answer: ServerReflectionResponse | undefined;
  await connection.stream(PATH, body, unary, (run) => {
    const message = run.bytes.subarray(run.offsets[0] + FRAME_PREFIX_BYTES, run.offsets[1]);
    answer ??= fromBinary(ServerReflectionResponseSchema, message);
  });
  const response = answer?.messageResponse ?? { case: undefined };
  if (response.case === 'errorResponse') {
    throw new Error(`the server cannot describe ${messageRequest.value}: ${response.value.errorMessage}`);
  }
  return response;
}

async function filesOf(server: Server, question: Question): Promise<FileDescriptorProto[]> {
  const response = await ask(server, question);
  if (response.case !== 'fileDescriptorResponse') return [];
  return response.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
}

function printFile(file: FileDescriptorProto): void {
  const json = toJson(FileDescriptorProtoSchema, file, { useProtoFieldName: true, enumAsInteger: true });
  process.stdout.write(`${escapeJson(JSON.stringify(json))}\n`);
}

/** `sluice reflect`: the files of all services and everything that they import, each once. */
export async function runReflect({ uses }: Invocation): Promise<number> {
  return withServer(await loadSettings(uses), async (server) => {
    const response = await ask(server, { case: 'listServices', value: '' });
    const services = response.case === 'listServicesResponse' ? response.value.service : [];
    const names = services.map(({ name }) => name).filter((name) => !commonServices.has(name));
    const printed = new Set<string>();
    const waiting: Question[] = names.map((value) => ({ case: 'fileContainingSymbol', value }));
    for (let question = waiting.shift(); question !== undefined; question = waiting.shift()) {
      if (question.case === 'fileByFilename' && printed.has(question.value)) continue;
      for (const file of await filesOf(server, question)) {
        if (printed.has(file.name)) continue;
        printed.add(file.name);
        printFile(file);
        waiting.push(...file.dependency.map((value): Question => ({ case: 'fileByFilename', value })));
      }
    }
    return 0;
  });
}
