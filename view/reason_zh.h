/* The reasons in Chinese, one line for each of LA_REASONS and no more.
 *
 * view/reason.c proves at compile time that the two lists name the same reasons: an unknown name,
 * a name given twice and a missing one are all errors. State names, flags and protocol names stay
 * as they stand in the RFCs. */
#ifndef VIEW_REASON_ZH_H
#define VIEW_REASON_ZH_H

#define VIEW_REASONS_ZH(X)                                         \
    X(NONE, "没有原因")                                            \
    /* why a segment is sent */                                    \
    X(SYN, "首个 SYN：请求建立连接")                               \
    X(SYN_DATA, "首个 SYN，带有数据（Fast Open）")                 \
    X(SYN_AGAIN, "重发 SYN：超时前没有应答")                       \
    X(SYN_ACK, "应答对方的 SYN")                                   \
    X(SYN_ACK_AGAIN, "重发 SYN-ACK：第三个报文段没有到达")         \
    X(SYN_COOKIE, "用 cookie 应答 SYN，本端不保存状态")            \
    X(SYN_CROSSED, "应答与我方 SYN 交叉的 SYN")                    \
    X(HANDSHAKE_ACK, "第三个报文段：连接建立")                     \
    X(DATA, "数据")                                                \
    X(RTX_TIMEOUT, "重传：定时器到期")                             \
    X(RTX_FAST, "快速重传：收到三个重复 ACK")                      \
    X(RTX_PARTIAL, "重传：部分确认指出下一个空洞")                 \
    X(RTX_RACK, "重传：之后发送的数据已经到达")                    \
    X(RTX_AGAIN, "再次重传：上一次重传也丢失了")                   \
    X(RTX_PROBE, "尾部丢失探测：末尾的数据丢了吗？")               \
    X(RTX_WINDOW, "重传：当时窗口已关闭，现已打开")                \
    X(RTX_LIMITED, "收到重复 ACK，发送新数据")                     \
    X(PROBE_MTU, "探测：用比其他更大的报文段发送数据")             \
    X(RTX_PROBE_MTU, "重传：更大的报文段丢失")                     \
    X(RTX_MTU, "以更小的报文段重传：路径 MTU 变小")                \
    X(FIN, "FIN：本端数据已全部发送")                              \
    X(FIN_AGAIN, "重发 FIN：超时前未被确认")                       \
    X(ACK_NOW, "ACK：每两个满长报文段确认一次")                    \
    X(ACK_DELAYED, "ACK：延迟确认定时器到期")                      \
    X(ACK_FIN, "确认对方的 FIN")                                   \
    X(ACK_GAP, "重复 ACK：此段之前缺少报文段")                     \
    X(ACK_FILLED, "ACK：空洞已补上")                               \
    X(ACK_DUPLICATE, "ACK：这些字节先前已收到（D-SACK）")          \
    X(ACK_MARKED, "确认：到达的报文带有拥塞信息")                  \
    X(ACK_BEFORE_MARK, "确认标记改变之前收到的数据")               \
    X(ACK_WINDOW, "窗口更新：应用已读取数据")                      \
    X(ACK_UNACCEPTABLE, "ACK：收到的报文段落在窗口之外")           \
    X(ACK_TIME_WAIT, "在 TIME-WAIT 中再次确认重发的 FIN")          \
    X(CHALLENGE_SYN, "质询 ACK：已建立的连接上收到 SYN")           \
    X(CHALLENGE_RST, "质询 ACK：RST 在窗口内，但序号不精确")       \
    X(CHALLENGE_ACK, "质询 ACK：确认号超出范围")                   \
    X(PROBE_WINDOW, "零窗口探测")                                  \
    X(PROBE_KEEPALIVE, "保活探测")                                 \
    X(RST_NO_CONNECTION, "复位：没有与此报文段对应的连接")         \
    X(RST_BAD_ACK, "复位：对方确认了从未发送的数据")               \
    X(RST_ABORT, "复位：应用中止连接")                             \
    X(RST_LINGER, "复位：以 linger 时间 0 关闭")                   \
    X(RST_UNREAD, "复位：关闭时仍有未读数据")                      \
    X(RST_DATA_AFTER_CLOSE, "复位：关闭之后又有数据到达")          \
    X(RST_LISTENER_CLOSED, "复位：监听端在 accept 之前已关闭")     \
    X(RST_USER_TIMEOUT, "复位：用户超时到期")                      \
    X(RST_KEEPALIVE, "复位：保活探测没有应答")                     \
    X(RST_ECN, "复位：重发的 SYN 请求另一种 ECN")                  \
    X(RST_PROCESS_ENDED, "复位：进程已结束")                       \
    X(UDP_DATAGRAM, "数据报")                                      \
    X(ICMP_ECHO_REPLY, "应答回显请求")                             \
    X(ICMP_PORT_UNREACHABLE, "此 UDP 端口无人监听")                \
    X(ICMP_PROTOCOL_UNREACHABLE, "本机不支持该协议")               \
    X(ICMP_PARAMETER_PROBLEM, "无法理解某个首部字段")              \
    X(ICMP_REASSEMBLY_TIME, "分片未能按时到齐")                    \
    X(ARP_REQUEST, "询问该地址属于谁")                             \
    X(ARP_REPLY, "告知本端的硬件地址")                             \
    X(ND_SOLICIT, "询问该地址属于谁")                              \
    X(ND_ADVERT, "告知本端的链路层地址")                           \
    /* what an accepted packet was */                              \
    X(TAKE_SYN, "SYN：建立半连接记录")                             \
    X(TAKE_SYN_DATA, "SYN 带有数据和有效的 cookie：数据已接收")    \
    X(TAKE_SYN_AGAIN, "重复的 SYN")                                \
    X(TAKE_SYN_ACK, "对我方 SYN 的应答")                           \
    X(TAKE_SYN_CROSSED, "与我方 SYN 交叉的 SYN")                   \
    X(TAKE_HANDSHAKE_ACK, "第三个报文段：连接建立")                \
    X(TAKE_COOKIE, "cookie 有效：连接建立")                        \
    X(TAKE_ACK, "确认了新数据")                                    \
    X(TAKE_ACK_FIN, "确认了我方的 FIN")                            \
    X(TAKE_ACK_DUPLICATE, "重复 ACK")                              \
    X(TAKE_ACK_OLD, "旧的 ACK")                                    \
    X(TAKE_WINDOW, "窗口更新")                                     \
    X(TAKE_DATA, "按序到达的数据")                                 \
    X(TAKE_DATA_EARLY, "空洞之后的数据，已保留")                   \
    X(TAKE_DATA_OLD, "先前已收到的字节")                           \
    X(TAKE_FIN, "FIN：对方不再发送数据")                           \
    X(TAKE_FIN_AGAIN, "重复的 FIN")                                \
    X(TAKE_RST, "RST：对方放弃了连接")                             \
    X(TAKE_RST_REFUSED, "RST：对方端口无人监听")                   \
    X(TAKE_ICMP_ERROR, "与某个连接有关的 ICMP 差错")               \
    X(TAKE_ICMP_MTU, "路径 MTU 更小")                              \
    X(TAKE_ICMP_ECHO, "回显请求")                                  \
    X(TAKE_UDP, "数据报已交付")                                    \
    X(TAKE_FRAGMENT, "分片，已保留")                               \
    X(TAKE_NEIGHBOUR, "邻居地址解析")                              \
    /* why a packet is dropped: link and IP */                     \
    X(DROP_TRUNCATED, "比首部声明的长度短")                        \
    X(DROP_ETHERTYPE, "既不是 IP 也不是 ARP")                      \
    X(DROP_NOT_OUR_MAC, "发往另一个链路层地址")                    \
    X(DROP_IP_VERSION, "IP 版本既不是 4 也不是 6")                 \
    X(DROP_IP_HEADER, "IP 首部格式错误")                           \
    X(DROP_IP_CHECKSUM, "IP 首部校验和错误")                       \
    X(DROP_IP_SOURCE, "该地址不能用作源地址")                      \
    X(DROP_NOT_OURS, "发往其他主机，而本机不转发")                 \
    X(DROP_IP_MAPPED, "IPv6 首部中出现 IPv4 映射地址")             \
    X(DROP_IP_SOURCE_ROUTE, "带有源路由选项")                      \
    X(DROP_IP_OPTION, "IP 选项格式错误")                           \
    X(DROP_IP_EXTENSION, "扩展首部过多或格式错误")                 \
    X(DROP_IP_PROTOCOL, "本机不支持该协议")                        \
    X(DROP_FRAGMENT, "分片格式错误")                               \
    X(DROP_FRAGMENT_OVERLAP, "分片相互重叠")                       \
    X(DROP_FRAGMENT_MEMORY, "等待重组的分片过多")                  \
    X(DROP_FRAGMENT_ECN, "有分片遇到拥塞，只能以丢弃告知")         \
    X(DROP_FRAGMENT_TIME, "其余分片未能按时到达")                  \
    X(DROP_ICMP, "无需应答的 ICMP 报文")                           \
    X(DROP_ICMP_MALFORMED, "ICMP 报文格式错误")                    \
    X(DROP_ICMP_CHECKSUM, "ICMP 校验和错误")                       \
    X(DROP_ICMP_STALE, "ICMP 差错所指的报文段并不在途")            \
    X(DROP_ICMP_QUENCH, "ICMP 源抑制已废止")                       \
    X(DROP_ICMP_RATE, "ICMP 应答将超出速率限制")                   \
    X(DROP_NEIGHBOUR, "ARP 或邻居发现报文无效")                    \
    X(DROP_UNRESOLVED, "未能解析链路层地址")                       \
    /* why a packet is dropped: UDP */                             \
    X(DROP_UDP_HEADER, "UDP 长度错误")                             \
    X(DROP_UDP_CHECKSUM, "UDP 校验和错误或缺失")                   \
    X(DROP_UDP_PORT, "此 UDP 端口无人使用")                        \
    X(DROP_UDP_FULL, "接收方未及时读取")                           \
    /* why a packet is dropped: TCP */                             \
    X(DROP_TCP_HEADER, "TCP 首部格式错误")                         \
    X(DROP_TCP_CHECKSUM, "TCP 校验和错误")                         \
    X(DROP_TCP_NOT_UNICAST, "TCP 的源或目的是广播或多播地址")      \
    X(DROP_LAND, "源与目的相同")                                   \
    X(DROP_NO_CONNECTION, "没有与此报文段对应的连接")              \
    X(DROP_RST_NO_CONNECTION, "RST 所指的连接不存在")              \
    X(DROP_LISTEN_RST, "监听端收到 RST")                           \
    X(DROP_LISTEN_ACK, "监听端收到不属于任何连接的 ACK")           \
    X(DROP_LISTEN_OTHER, "监听端收到的报文段不带 SYN、ACK 或 RST") \
    X(DROP_LISTEN_SYN_QUEUE, "半连接过多：丢弃 SYN")               \
    X(DROP_LISTEN_ACCEPT_QUEUE, "等待 accept 的连接过多")          \
    X(DROP_LISTEN_DEFERRED, "监听者等到有数据才接受连接")          \
    X(DROP_COOKIE, "ACK 中没有有效的 cookie")                      \
    X(DROP_HALF_OPEN, "不是半连接所等待的报文段")                  \
    X(DROP_SYN_SENT, "不是 SYN-SENT 所等待的报文段")               \
    X(DROP_SYN_SENT_ACK, "所确认的不是我方的 SYN")                 \
    X(DROP_SEQUENCE, "落在接收窗口之外")                           \
    X(DROP_PAWS, "时间戳比上一个更旧")                             \
    X(DROP_TIMESTAMP_MISSING, "已协商时间戳，此段却没有携带")      \
    X(DROP_RST_SEQUENCE, "RST 落在窗口之外")                       \
    X(DROP_RST_INEXACT, "RST 在窗口内但序号不精确：发出质询")      \
    X(DROP_SYN_SYNCHRONIZED, "已建立的连接上收到 SYN：发出质询")   \
    X(DROP_NO_ACK, "没有 ACK 标志")                                \
    X(DROP_ACK_RANGE, "确认号超出范围")                            \
    X(DROP_DATA_AFTER_FIN, "FIN 之后的数据")                       \
    X(DROP_DATA_AFTER_CLOSE, "关闭之后的数据")                     \
    X(DROP_REASSEMBLY_FULL, "空洞之后等待的数据过多")              \
    X(DROP_NO_MEMORY, "内存不足")                                  \
    X(DROP_TIME_WAIT, "TIME-WAIT 中收到旧报文段")                  \
    X(DROP_TIME_WAIT_RST, "TIME-WAIT 中忽略 RST")                  \
    /* timers, calls and changes of state */                       \
    X(CALL_OPEN, "应用发起连接")                                   \
    X(CALL_LISTEN, "应用开始监听")                                 \
    X(CALL_ACCEPT, "应用接受连接")                                 \
    X(CALL_SEND, "应用发送数据")                                   \
    X(CALL_RECEIVE, "应用读取数据")                                \
    X(CALL_SHUTDOWN, "应用结束发送方向")                           \
    X(CALL_CLOSE, "应用关闭连接")                                  \
    X(CALL_ABORT, "应用中止连接")                                  \
    X(TIMEOUT_RTX, "重传定时器到期")                               \
    X(TIMEOUT_PERSIST, "坚持定时器到期")                           \
    X(TIMEOUT_DELAYED_ACK, "延迟确认定时器到期")                   \
    X(TIMEOUT_KEEPALIVE, "保活定时器到期")                         \
    X(TIMEOUT_USER, "用户超时到期")                                \
    X(TIMEOUT_R2, "重传次数过多：放弃连接")                        \
    X(TIMEOUT_FIN_WAIT_2, "对方未按时关闭")                        \
    X(TIMEOUT_TIME_WAIT, "2 MSL 已满：端口和资源已释放")           \
    X(TIMEOUT_HALF_OPEN, "第三个报文段始终没有到达")               \
    X(TIME_WAIT_RESTART, "再次收到 FIN：2 MSL 重新计时")           \
    X(TIME_WAIT_REUSED, "新的 SYN 接替处于 TIME-WAIT 的连接")      \
    X(TIME_WAIT_EVICTED, "TIME-WAIT 提前结束：表已满")             \
    X(RETRANSMISSION_R1, "重传次数达到 R1：路径可能有问题")        \
    X(URGENT_ADVANCED, "紧急指针前移")                             \
    X(RECOVERY_ENTERED, "进入快速恢复")                            \
    X(RECOVERY_LEFT, "退出恢复")                                   \
    X(RECOVERY_UNDONE, "恢复有误（时间戳）：窗口复原")             \
    X(RECOVERY_UNDONE_DSACK, "恢复有误（D-SACK）：窗口复原")       \
    X(TIMEOUT_SPURIOUS, "超时有误：窗口复原")                      \
    X(TIMEOUT_PROBE, "探测定时器到期：末尾数据未被确认")           \
    X(TIMEOUT_REORDER, "乱序定时器到期")                           \
    X(PROBE_REPAIRED, "探测修复了丢失：窗口减小")                  \
    X(MTU_BLACK_HOLE, "满长报文段无法到达：改用更小的")            \
    X(MTU_RAISED, "更大的报文段已到达：改用更大的")                \
    X(RENEGED, "对端丢弃了已选择确认的数据")                       \
    X(MARKS_ANSWERED, "路径给我方报文打了拥塞标记：缩小窗口")      \
    X(ECN_MANGLED, "路径破坏 ECN：此后发送不带 ECN 的报文")        \
    X(FASTOPEN_REFUSED, "此路径上 Fast Open 不起作用")             \
    X(FASTOPEN_BLACKHOLE, "使用 Fast Open 后没有应答：暂不使用")   \
    X(FASTOPEN_RESET, "握手完成之前被复位：暂计入名额")            \
    X(SOFT_ERROR, "收到软差错")                                    \
    X(CLOCK_BACKWARDS, "时钟倒退：沿用上一次的时间")               \
    X(TRACE_LOST, "跟踪记录有丢失：环形缓冲区未及时读取")

#endif
