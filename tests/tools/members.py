"""The members of operations' requests, as botocore's service models have them.

Reads a list of [service, operation] from its argument and writes a list of lists of names.
"""
import json
import sys

# The AWS CLI brings botocore inside its own package.
from awscli.botocore.session import get_session

session = get_session()


def members(service, operation):
    shape = session.get_service_model(service).operation_model(operation).input_shape
    return list(shape.members)


json.dump([members(*call) for call in json.loads(sys.argv[1])], sys.stdout)
