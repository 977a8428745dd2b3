export { type Address, DEFAULT_AGENT_PORT, formatAddress, parseAddress } from './address.ts';
export { callStream, callUnary } from './call-unary.ts';
export {
  type CallOptions,
  type ConnectionState,
  type RpcClientOptions,
  RpcConnection,
  type RunListener,
} from './client.ts';
export { HealthState } from './health.ts';
export { type RawCall, type RawStreamHandler } from './raw-call.ts';
export { reflectionRoutes } from './reflection.ts';
export { RpcCode, RpcError } from './rpc-error.ts';
export { createRpcServer, type RpcServer, type RpcServerOptions } from './server.ts';
export { type ClientTls, type TlsFiles } from './tls-files.ts';
