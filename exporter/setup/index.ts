export { setUpElasticsearch, type SetupOptions } from './elasticsearch/setup.ts';
