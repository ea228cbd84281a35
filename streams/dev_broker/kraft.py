"""Version and KRaft configuration of the one-node Apache Kafka."""

from __future__ import annotations

KAFKA_VERSION = "4.1.1"


def server_properties(
    *, listen_on: str, advertise: str, port: int, controller_port: int, data: str
) -> dict[str, str]:
    """Return the server properties of a node that is broker and controller at once.

    Args:
        listen_on: address to bind, as seen by the node.
        advertise: host under which clients reach it.
        port: of the clients' listener, in- and outside alike.
        controller_port: of the controller's listener.
        data: folder of its logs, as seen by the node.
    """
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@localhost:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{listen_on}:{port},CONTROLLER://localhost:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{advertise}:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": data,
        # There is one node, and few clients.
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        # Tests and demos must not wait for members that will not come, nor for dead ones.
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "500",
        # A node that was killed may come back once its former self counts as dead: 4 s, not 9.
        "broker.session.timeout.ms": "4000",
        "broker.heartbeat.interval.ms": "1000",
        # A mistyped topic is an error, not a topic.
        "auto.create.topics.enable": "false",
    }
