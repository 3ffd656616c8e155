#!/usr/bin/env python3
"""Any number of motos: this process loads moto once, and each instance is a fork of it.

It prints a port. A client that connects there gets the port of its own moto, which ends with the connection. If the client
sends a byte on that connection, moto forks with all its objects, and the client gets a port to which it connects in the
same way. Everything ends with the standard input.
"""
import json
import os
import selectors
import signal
import socket
import sys
import threading

from moto.core.base_backend import BackendDict, BaseBackend
from moto.core.common_models import BaseModel
from moto.moto_api._internal.responses import MotoAPIResponse
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server
from werkzeug.test import Client

# One read of each service, as it is asked: what is not here is read by each moto that needs it.
FORMS = {
    "ec2": "DescribeVpcs", "elasticloadbalancing": "DescribeLoadBalancers", "iam": "ListRoles",
    "monitoring": "DescribeAlarms", "rds": "DescribeDBInstances", "sns": "ListTopics", "sts": "GetCallerIdentity",
}
VERSIONS = {"elasticloadbalancing": "2015-12-01"}
TARGETS = {
    "acm": "CertificateManager.ListCertificates",
    "application-autoscaling": "AnyScaleFrontendService.DescribeScalableTargets",
    "dynamodb": "DynamoDB_20120810.ListTables",
    "ecr": "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories",
    "ecs": "AmazonEC2ContainerServiceV20141113.ListClusters",
    "kms": "TrentService.ListAliases",
    "logs": "Logs_20140328.DescribeLogGroups",
    "secretsmanager": "secretsmanager.ListSecrets",
    "wafv2": "AWSWAF_20190729.ListWebACLs",
}
PATHS = {"route53": "/2013-04-01/hostedzone", "s3": "/"}


# moto's own images, with thousands of snapshots and volumes; and interfaces, which outlive their NAT gateways.
LEFT_OUT = {"Ami", "Snapshot", "Volume", "NetworkInterface"}


def walk(root, service, visited):
    """The objects of a service that containers hold, without entering the objects."""
    pending = [root]
    while pending:
        value = pending.pop()
        if id(value) in visited or isinstance(value, (str, bytes, int, float, type, BaseBackend)):
            continue
        visited.add(id(value))
        if isinstance(value, dict):
            pending.extend(value.values())
        elif isinstance(value, (list, tuple, set, frozenset)):
            pending.extend(value)
        elif type(value).__module__.startswith(f"moto.{service}."):
            yield value


def held(backend):
    """The objects that a backend holds, and their parts. An object's reference to another one is no part of it: what it
    refers to may be deleted."""
    service, visited = type(backend).__module__.split(".")[1], set()
    level = list(walk(vars(backend), service, visited))
    kinds = {type(value) for value in level}
    while level:
        yield from (value for value in level if isinstance(value, BaseModel) and type(value).__name__ not in LEFT_OUT)
        parts = [part for value in level for part in walk(getattr(value, "__dict__", {}), service, visited)]
        level = [part for part in parts if type(part) not in kinds]


def attributes(instance):
    found = {}
    for name in dir(instance):
        if not name.startswith("_"):
            try:
                found[name] = json.loads(json.dumps(getattr(instance, name)))
            except Exception:  # a property may raise anything
                pass
    return found


def inventory(*_):
    """The form of moto's own list, which keeps what is deleted, and fails where a property raises."""
    found, named = {}, set()
    for backends in list(BackendDict._instances):
        for _, region, backend in backends.iter_backends():
            for instance in held(backend):
                service, kind = type(instance).__module__.split(".")[1], type(instance).__name__
                about = {"region": region} | attributes(instance)
                name = next((about[key] for key in ("arn", "id", "name") if isinstance(about.get(key), str)), None)
                # An object that was changed may also be held as it was before.
                if name is None or (service, kind, region, name) not in named:
                    named.add((service, kind, region, name))
                    found.setdefault(service, {}).setdefault(kind, []).append(about)
    return 200, {"Content-Type": "application/json"}, json.dumps(found)


MotoAPIResponse.model_data = inventory


def read_once(application):
    client = Client(application)

    def read(service, path="/", method="POST", headers=(), data=None):
        scope = {"Authorization": f"AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request, "}
        answer = client.open(path, method=method, headers=scope | dict(headers), data=data)
        if answer.status_code != 200:
            sys.exit(f"moto's {service} answered {answer.status}: {answer.text}")

    for service, action in FORMS.items():
        read(service, data={"Action": action, "Version": VERSIONS.get(service, "")})
    # Two of them want a member, and the others take no notice of it.
    for service, target in TARGETS.items():
        read(service, headers={"X-Amz-Target": target}, data='{"ServiceNamespace": "ecs", "Scope": "REGIONAL"}')
    for service, path in PATHS.items():
        read(service, path, method="GET")


def serve(application, connection):
    """A moto of its own, in a process of its own."""
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=MotoRequestHandler)
    connection.sendall(f"{server.server_port}\n".encode())

    def watch():
        while connection.recv(1):
            with socket.create_server(("127.0.0.1", 0)) as listener:
                if os.fork() == 0:
                    server.socket.close()
                    connection.close()
                    copy, _ = listener.accept()
                    listener.close()
                    return serve(application, copy)
                connection.sendall(f"{listener.getsockname()[1]}\n".encode())
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()
    server.serve_forever()


def main():
    # moto has things to say as well.
    port, sys.stdout = sys.stdout, sys.stderr
    application = DomainDispatcherApplication(create_backend_app)
    read_once(application)
    # Nobody waits for the forks.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener, selectors.DefaultSelector() as events:
        print(listener.getsockname()[1], file=port, flush=True)
        events.register(listener, selectors.EVENT_READ)
        events.register(sys.stdin, selectors.EVENT_READ)
        while True:
            for event, _ in events.select():
                if event.fileobj is sys.stdin:
                    return
                connection, _ = listener.accept()
                if os.fork() == 0:
                    listener.close()
                    return serve(application, connection)
                connection.close()


if __name__ == "__main__":
    main()
