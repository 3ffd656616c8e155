"""An independent client of AWS for many calls at once: botocore, which the AWS CLI is made of, without a process a call.

Reads a list of [service, operation, members] and writes a list of answers: {"error": …} where a call failed. A service of
another region than us-east-1 is SERVICE@REGION.
"""
import json
import sys

# The AWS CLI brings botocore inside its own package.
from awscli.botocore.session import get_session

session = get_session()
clients = {}


def ask(service, operation, members):
    if service not in clients:
        name, _, region = service.partition("@")
        clients[service] = session.create_client(name, endpoint_url=sys.argv[1], region_name=region or "us-east-1")
    try:
        answer = getattr(clients[service], operation)(**members)
        answer.pop("ResponseMetadata", None)
        return answer
    except Exception as error:  # whatever it is, the test says it
        return {"error": f"{service} {operation}: {error}"}


json.dump([ask(*call) for call in json.load(sys.stdin)], sys.stdout, default=str)
