export { savedObjectsText } from '../kibana/saved-objects.ts';
export { setUpElasticsearch, type SetupOptions } from './elasticsearch/setup.ts';
export { type KibanaServer } from './kibana/connection.ts';
export { setUpKibana } from './kibana/setup.ts';
