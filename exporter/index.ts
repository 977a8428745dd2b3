export { loadConfig } from './config/load-config.ts';
export { type ConfigProblem, type ParsedConfig } from './config/parse-config.ts';
