package check

import "strings"

// softirq lists functions and tracepoints that run in softirq, in a timer or in an
// interrupt, or on behalf of another task than the one that runs: there the running
// task says nothing about the event. A row that ends in * stands for all names that
// start so. From the call graphs of net/ipv4, net/core, block and kernel/time, 6.18. Not
// sched_waking, which always fires where the waker is (include/trace/events/sched.h, 6.18).
var softirq = []string{
	"tcp_retransmit_*", "__tcp_retransmit_skb", "tcp_rtx_*", "tcp_write_timer*", "tcp_send_loss_probe", "tcp_probe*", "tcp_rcv_*", "tcp_v4_*", "tcp_v6_*", "tcp_ack",
	"tcp_receive_reset", "tcp_send_reset", "tcp_fin", "tcp_set_state", "inet_sock_set_state", "tcp_data_queue", "tcp_cong_state_set",
	"udp_queue_rcv_*", "ip_rcv*", "ipv6_rcv*", "__netif_receive_skb*", "netif_receive_skb*", "netif_rx*", "napi_*", "net_rx_action", "net_dev_xmit*", "net_dev_queue",
	"kfree_skb*", "consume_skb", "sock_queue_rcv_skb*", "sock_rcvqueue_full", "sock_exceed_buf_limit",
	"block_rq_complete", "block_bio_complete", "blk_account_io_done", "blk_mq_complete_request*", "blk_mq_end_request",
	"timer_expire_*", "hrtimer_expire_*", "softirq_*", "irq_handler_*", "tasklet_*",
	"sched_wakeup", "sched_wakeup_new", "try_to_wake_up", "ttwu_*",
}

// interrupts reports whether a target, with or without its category, often runs where
// the running task is another one's.
func interrupts(target string) bool {
	name := strings.TrimSuffix(target, ":return")
	name = name[strings.LastIndexByte(name, ':')+1:]
	for _, row := range softirq {
		if prefix, open := strings.CutSuffix(row, "*"); name == row || open && strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
