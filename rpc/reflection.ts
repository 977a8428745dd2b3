import { type DescFile, type DescMessage, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import type { ConnectRouter } from '@connectrpc/connect';
import {
  ServerReflection as ReflectionV1,
  type ServerReflectionRequest,
} from '../proto/gen/grpc/reflection/v1/reflection_pb.ts';
import { ServerReflection as ReflectionV1Alpha } from '../proto/gen/grpc/reflection/v1alpha/reflection_pb.ts';
import { RpcCode } from './rpc-error.ts';

/** Registers server reflection, v1 and v1alpha, over the services of the given files. */
export function reflectionRoutes(router: ConnectRouter, files: readonly DescFile[]): void {
  const index = new DescriptorIndex([...files, ReflectionV1.file, ReflectionV1Alpha.file]);
  async function* answer(requests: AsyncIterable<ServerReflectionRequest>): AsyncGenerator<object> {
    for await (const request of requests) {
      yield { validHost: request.host, originalRequest: request, messageResponse: index.answer(request) };
    }
  }
  router.service(ReflectionV1, { serverReflectionInfo: answer as never });
  router.service(ReflectionV1Alpha, { serverReflectionInfo: answer as never });
}

/** Descriptors by file name and by the names they define. */
class DescriptorIndex {
  private readonly files = new Map<string, DescFile>();
  private readonly symbols = new Map<string, DescFile>();
  private readonly services: string[] = [];

  constructor(roots: readonly DescFile[]) {
    for (const file of roots) {
      this.addFile(file);
      for (const service of file.services) this.services.push(service.typeName);
    }
    this.services.sort();
  }

  private addFile(file: DescFile): void {
    const name = `${file.name}.proto`;
    if (this.files.has(name)) return;
    this.files.set(name, file);
    for (const dependency of file.dependencies) this.addFile(dependency);
    for (const message of file.messages) this.addMessage(message);
    for (const { typeName } of file.enums) this.symbols.set(typeName, file);
    for (const service of file.services) {
      this.symbols.set(service.typeName, file);
      for (const method of service.methods) this.symbols.set(`${service.typeName}.${method.name}`, file);
    }
  }

  private addMessage(message: DescMessage): void {
    this.symbols.set(message.typeName, message.file);
    for (const field of message.fields) this.symbols.set(`${message.typeName}.${field.name}`, message.file);
    for (const nested of message.nestedMessages) this.addMessage(nested);
    for (const { typeName } of message.nestedEnums) this.symbols.set(typeName, message.file);
  }

  /** The response to one request, as protobuf-es initialises it. */
  answer(request: ServerReflectionRequest): object {
    const { case: asked, value } = request.messageRequest;
    switch (asked) {
      case 'listServices':
        return { case: 'listServicesResponse', value: { service: this.services.map((name) => ({ name })) } };
      case 'fileByFilename':
        return fileResponse(this.files.get(value), `file "${value}"`);
      case 'fileContainingSymbol':
        return fileResponse(this.symbols.get(value), `symbol "${value}"`);
      case 'fileContainingExtension':
        return notFound(`extension ${value.extensionNumber} of "${value.containingType}"`);
      case 'allExtensionNumbersOfType':
        return this.symbols.has(value)
          ? { case: 'allExtensionNumbersResponse', value: { baseTypeName: value, extensionNumber: [] } }
          : notFound(`type "${value}"`);
      default:
        return {
          case: 'errorResponse',
          value: { errorCode: RpcCode.InvalidArgument, errorMessage: 'request asks for nothing' },
        };
    }
  }
}

function notFound(what: string): object {
  return { case: 'errorResponse', value: { errorCode: RpcCode.NotFound, errorMessage: `${what} not found` } };
}

/** The file and everything it imports, dependencies first: a client needs them all to build the descriptor. */
function fileResponse(file: DescFile | undefined, what: string): object {
  if (file === undefined) return notFound(what);
  const seen = new Map<string, Uint8Array>();
  const add = (next: DescFile): void => {
    if (seen.has(next.name)) return;
    for (const dependency of next.dependencies) add(dependency);
    seen.set(next.name, toBinary(FileDescriptorProtoSchema, next.proto));
  };
  add(file);
  // The asked file comes first, as reference servers answer.
  return {
    case: 'fileDescriptorResponse',
    value: { fileDescriptorProto: [...seen.values()].reverse() },
  };
}
