export { KafkaBroker } from '../../../lab/servers/kafka-broker.ts';
