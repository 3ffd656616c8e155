"""AWS's partitions, as botocore has them: the ID, the regions' pattern, the DNS suffix and the regions of each."""
import json
import sys
from pathlib import Path

# The AWS CLI brings botocore inside its own package.
import awscli.botocore

data = json.loads((Path(awscli.botocore.__file__).parent / "data" / "partitions.json").read_text())
rows = [
    [one["id"], one["regionRegex"], one["outputs"]["dnsSuffix"], sorted(one["regions"])]
    for one in data["partitions"]
]
json.dump(rows, sys.stdout)
