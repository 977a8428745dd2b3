/* The node's datapath: four tc programs, one object, so that they share their maps.
 *
 *   endpoint ──▶ from_container ──▶ kernel's stack ──▶ to_container ──▶ endpoint
 *                     │   └──────── redirect_peer ───────────────────▶ endpoint of this node
 *                     └──────────── redirect_neigh ──▶ to_netdev ────▶ network
 *   network ──▶ from_netdev ──▶ kernel's stack ──▶ (as above)
 *                     └──────────── redirect_peer ───────────────────▶ endpoint of this node
 *
 * from_container and to_container are attached to the host side of each endpoint's veth (tcx ingress and egress),
 * from_netdev and to_netdev to the node's device. Each works alone; a packet that meets two of them carries what the
 * first found in its mark (handoff.h). Packets that are not IP (ARP first of all) pass without a word.
 */
#include "base.h"
#include "conntrack.h"
#include "cursor.h"
#include "dns.h"
#include "emit.h"
#include "fragments.h"
#include "handoff.h"
#include "identity.h"
#include "masquerade.h"
#include "packet.h"
#include "parse.h"
#include "police.h"
#include "related.h"
#include "route.h"
#include "settings.h"

char LICENSE[] SEC("license") = "GPL";

#define DATAPATH_INVALID(p, reason) packet_invalid(p, reason, SOURCE_FILE_DATAPATH, __LINE__)

/* True if an event is to be made at a send point (to-*) now; receive points want AGGREGATE_NONE. */
static __always_inline bool report_now(const struct datapath_settings *config, bool due)
{
	return !(config->flags & SETTING_EVENTS_OFF) && (config->aggregation < AGGREGATE_MEDIUM || due);
}

static __always_inline bool reports_receive(const struct datapath_settings *config)
{
	return !(config->flags & SETTING_EVENTS_OFF) && config->aggregation == AGGREGATE_NONE;
}

/* Ports of a fragment, which it has from its first. */
static __always_inline void follow_fragment(struct packet *p, const struct handoff *handoff)
{
	if (likely(!(p->flags & PACKET_FRAGMENT)))
		return;
	fragment_follow(p);
	/* The first hook on the node has counted it. */
	if (p->flags & PACKET_ORPHAN && !handoff->given)
		count(COUNTER_FRAGMENTS_ORPHANED);
}

/* Who speaks comes before what is said: a broken packet with a stolen source is told as the latter. */
static __always_inline int check_source(struct packet *p, int parsed, const struct endpoint_info *endpoint)
{
	/* Nothing vouches for a source whose interface the agent has not described: closed rather than open. */
	if (unlikely(!endpoint))
		return DATAPATH_INVALID(p, DROP_ENDPOINT_NOT_READY);
	if (p->tuple.family != 0 && unlikely(!source_is_endpoint(p, endpoint)))
		return DATAPATH_INVALID(p, DROP_INVALID_SOURCE_IP);
	return parsed;
}

static __always_inline int from_container_core(struct __sk_buff *skb, const struct datapath_settings *config)
{
	const struct endpoint_info *endpoint = endpoint_of_interface(skb->ifindex);
	const struct local_address *local;
	const struct ipcache_info *remote = NULL;
	struct end source = {}, destination = {};
	struct handoff none = {};
	struct police police = {};
	struct ct_query query;
	struct ct_answer ct = {};
	struct flow_event event;
	struct route route;
	struct packet p;
	int parsed = parse_packet(skb, &p, true);
	bool report, asks, redirects;

	if (parsed == PARSE_NOT_IP)
		return TC_ACT_OK;
	parsed = check_source(&p, parsed, endpoint);
	if (endpoint)
		end_of_endpoint(&source, endpoint);
	if (unlikely(parsed != PARSE_OK)) {
		if (p.tuple.family != 0)
			end_across_link(&destination, &p.tuple.destination, p.tuple.family);
		return drop_packet(skb, &p, &source, &destination, config);
	}

	follow_fragment(&p, &none);
	local = local_address_find(&p.tuple.destination, p.tuple.family);
	query = query_at_hook(config, &none, false);
	query.from_endpoint = true;
	if (query.asks)
		police_from_container(skb, &query, &police, &p, endpoint, local);
	ct_track(skb, &p, &query, &ct);
	redirects = may_redirect(skb, &p, ct.via_stack, config);
	/* Behind the stack to_container asks, of what the stack may have made of the packet. */
	if (is_endpoint(local) && !redirects)
		ct.due &= ~POLICY_INGRESS_BIT;
	report = report_now(config, ct.report);
	asks = is_dns_question(&p, config);
	if (local)
		end_of_local(&destination, local);
	else
		remote = ipcache_find(&p.tuple.destination, p.tuple.family);
	if (remote)
		destination.identity = remote->identity;
	else if (!local && (report || asks || ct.due || ct.cut))
		end_across_link(&destination, &p.tuple.destination, p.tuple.family);
	event_init(&event, &p, skb->ifindex);
	event_ends(&event, &source, &destination);
	if (reports_receive(config))
		emit_trace(skb, &event, &p, config, TRACE_FROM_ENDPOINT, ct.reason);
	if (unlikely(ct.cut))
		return police_cut(skb, &event, &p, config, query.now);
	if (unlikely(enforce(skb, &event, &p, config, &query, &police, &ct)))
		return TC_ACT_SHOT;

	route = route_through_stack(skb, local);
	if (redirects) {
		if (is_endpoint(local))
			route = route_to_endpoint(skb, &p, local);
		else if (remote)
			route = route_to_device(skb, &p, remote);
	}
	event.ifindex = route.ifindex;
	if (report)
		emit_trace(skb, &event, &p, config, route.point, ct.reason);
	if (unlikely(asks))
		dns_output(skb, &event, &p, config, TRACE_FROM_ENDPOINT);
	if (route.point == TRACE_TO_ENDPOINT && unlikely(is_dns_answer(&p, config)))
		dns_output(skb, &event, &p, config, TRACE_TO_ENDPOINT);
	return follow_route(skb, &route, &ct);
}

static __always_inline int from_netdev_core(struct __sk_buff *skb, const struct datapath_settings *config)
{
	const struct local_address *local;
	struct end source = {}, destination = {};
	struct handoff none = {};
	struct police police = {};
	struct ct_query query;
	struct ct_answer ct = {};
	struct flow_event event;
	struct route route;
	struct packet p;
	int parsed;
	bool report, answers, redirects;

	/* A promiscuous device's or a flooding switch's: the stack throws it away, and nobody here took part. */
	if (skb->pkt_type == PACKET_TYPE_OTHERHOST)
		return TC_ACT_OK;
	parsed = parse_packet(skb, &p, !node_constants.device_has_no_l2);
	if (parsed == PARSE_NOT_IP)
		return TC_ACT_OK;
	if (unlikely(parsed != PARSE_OK)) {
		if (p.tuple.family != 0) {
			end_of_remote(&source, &p.tuple.source, p.tuple.family);
			end_across_link(&destination, &p.tuple.destination, p.tuple.family);
		}
		return drop_packet(skb, &p, &source, &destination, config);
	}

	follow_fragment(&p, &none);
	query = query_at_hook(config, &none, false);
	/* From here on an answer to a masqueraded packet is its pod's. */
	if (config->flags & SETTING_MASQUERADE) {
		int written = unlikely(p.flags & PACKET_ICMP_ERROR) ? unmasquerade_error(skb, &p, query.now)
		                                                    : unmasquerade(skb, &p, query.now);

		if (unlikely(written < 0)) {
			count(COUNTER_PACKETS_DROPPED);
			return TC_ACT_SHOT;
		}
	}
	local = local_address_find(&p.tuple.destination, p.tuple.family);
	if (query.asks && local && !policy_exempts(&p, true)) {
		if (is_endpoint(local))
			police_at_hook(&query, &police, POLICY_INGRESS, local->endpoint_id);
		else if (!node_policy_exempts(&p))
			police_at_hook(&query, &police, POLICY_INGRESS, POLICY_OF_NODE);
	}
	ct_track(skb, &p, &query, &ct);
	redirects = is_endpoint(local) && may_redirect(skb, &p, ct.via_stack, config);
	if (is_endpoint(local) && !redirects)
		ct.due = 0; /* to_container asks */
	report = report_now(config, ct.report);
	if (local)
		end_of_local(&destination, local);
	else if (report || ct.cut)
		end_across_link(&destination, &p.tuple.destination, p.tuple.family);
	answers = is_endpoint(local) && is_dns_answer(&p, config);
	if (report || answers || ct.due || ct.cut)
		end_of_remote(&source, &p.tuple.source, p.tuple.family);
	event_init(&event, &p, skb->ifindex);
	event_ends(&event, &source, &destination);
	if (reports_receive(config))
		emit_trace(skb, &event, &p, config, TRACE_FROM_NETWORK, ct.reason);
	if (unlikely(ct.cut))
		return police_cut(skb, &event, &p, config, query.now);
	if (unlikely(enforce(skb, &event, &p, config, &query, &police, &ct)))
		return TC_ACT_SHOT;

	route = route_through_stack(skb, local);
	if (redirects)
		route = route_to_endpoint(skb, &p, local);
	event.ifindex = route.ifindex;
	/* On its way through the stack to an endpoint of this node the packet is reported by to_container. */
	if (report && !(is_endpoint(local) && route.verdict < 0))
		emit_trace(skb, &event, &p, config, route.point, ct.reason);
	if (unlikely(answers) && route.point == TRACE_TO_ENDPOINT)
		dns_output(skb, &event, &p, config, TRACE_TO_ENDPOINT);
	return follow_route(skb, &route, &ct);
}

/* Both hooks behind the stack. `endpoint`: whose link this is, NULL on the node's device. */
static __always_inline int behind_stack_core(struct __sk_buff *skb, const struct datapath_settings *config, bool has_l2,
                                             const struct endpoint_info *endpoint, __u8 point)
{
	struct end source = {}, destination = {};
	struct handoff handoff;
	struct police police = {};
	struct ct_query query = {};
	struct ct_answer ct = {};
	struct flow_event event;
	struct packet p;
	int parsed, nat_port = 0;
	bool report = true, answers = false;

	if (handoff_field(skb) == HANDOFF_DONE) {
		handoff_take(skb);
		return TC_ACT_OK;
	}
	handoff = handoff_take(skb);
	parsed = parse_packet(skb, &p, has_l2);
	if (parsed == PARSE_NOT_IP)
		return TC_ACT_OK;
	if (parsed == PARSE_OK) {
		follow_fragment(&p, &handoff);
		query = query_at_hook(config, &handoff, true);
		if (unlikely(p.flags & PACKET_ICMP_ERROR))
			query.from_endpoint = is_endpoint(local_address_find(&p.tuple.source, p.tuple.family));
		if (query.asks)
			police_behind_stack(&query, &police, &p, endpoint);
		ct_track(skb, &p, &query, &ct);
		report = report_now(config, ct.report);
		answers = endpoint && is_dns_answer(&p, config);
		if (point == TRACE_TO_NETWORK && config->flags & SETTING_MASQUERADE) {
			nat_port = masquerade_port(&p, &query, &ct);
			if (unlikely(nat_port < 0))
				parsed = packet_invalid(&p, -nat_port, SOURCE_FILE_MASQUERADE, __LINE__);
		}
		if (!report && likely(!answers && !ct.due && !ct.held && !ct.cut && nat_port >= 0))
			return nat_port ? masquerade_packet(skb, &p, nat_port) : TC_ACT_OK;
	}
	if (p.tuple.family != 0) {
		end_across_link(&source, &p.tuple.source, p.tuple.family);
		if (endpoint)
			end_of_endpoint(&destination, endpoint);
		else
			end_of_remote(&destination, &p.tuple.destination, p.tuple.family);
	}
	if (unlikely(parsed != PARSE_OK))
		return drop_packet(skb, &p, &source, &destination, config);
	event_init(&event, &p, skb->ifindex);
	event_ends(&event, &source, &destination);
	if (unlikely(ct.cut))
		return police_cut(skb, &event, &p, config, query.now);
	if (unlikely(enforce(skb, &event, &p, config, &query, &police, &ct)))
		return TC_ACT_SHOT;
	if (nat_port)
		event.flags |= EVENT_FLAG_MASQUERADED;
	if (report)
		emit_trace(skb, &event, &p, config, point, ct.reason);
	if (unlikely(answers))
		dns_output(skb, &event, &p, config, TRACE_TO_ENDPOINT);
	return nat_port ? masquerade_packet(skb, &p, nat_port) : TC_ACT_OK;
}

SEC("tc")
int from_container(struct __sk_buff *skb)
{
	const struct datapath_settings *config = settings_get();

	if (!config)
		return TC_ACT_OK;
	count(COUNTER_PACKETS_SEEN);
	return from_container_core(skb, config);
}

SEC("tc")
int to_container(struct __sk_buff *skb)
{
	const struct datapath_settings *config = settings_get();

	if (!config)
		return TC_ACT_OK;
	count(COUNTER_PACKETS_SEEN);
	return behind_stack_core(skb, config, true, endpoint_of_interface(skb->ifindex), TRACE_TO_ENDPOINT);
}

SEC("tc")
int from_netdev(struct __sk_buff *skb)
{
	const struct datapath_settings *config = settings_get();

	if (!config)
		return TC_ACT_OK;
	count(COUNTER_PACKETS_SEEN);
	return from_netdev_core(skb, config);
}

SEC("tc")
int to_netdev(struct __sk_buff *skb)
{
	const struct datapath_settings *config = settings_get();

	if (!config)
		return TC_ACT_OK;
	count(COUNTER_PACKETS_SEEN);
	return behind_stack_core(skb, config, !node_constants.device_has_no_l2, NULL, TRACE_TO_NETWORK);
}
