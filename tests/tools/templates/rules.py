"""The validator of AWS with its own rules and those of cdk-preflight, for the resource types that Provisioner has."""
import functools
import importlib.util
import json
import pathlib
import re
import tarfile

import cloudformation_validate as validate

HEADER = "package cdk_preflight\n\nimport rego.v1\n"
# Rules that depend on region or account read these names. The judge puts both into the description of each template,
# so that one compiled engine serves every region.
PLACE = r"""
_place := split(input.template.description, " ")

deploy_region := _place[0]

deploy_account := _place[1] if regex.match(`^\d{12}$`, _place[1])
"""


@functools.cache
def bundle():
    """The rules and the modules that they share, as cdk-preflight's JavaScript has them."""
    # Not imported: the package starts Node.js.
    [folder] = importlib.util.find_spec("cdk_preflight").submodule_search_locations
    package = next(pathlib.Path(folder).glob("_jsii/*.jsii.tgz"))
    with tarfile.open(package) as archive:
        text = archive.extractfile("package/lib/rules.generated.js").read().decode()

    def exported(name):
        mark = f"exports.{name} = "
        return json.JSONDecoder().raw_decode(text, text.index(mark + "[") + len(mark))[0]

    return exported("BUNDLED_RULES"), exported("BUNDLED_LIBS")


def concerns(rule, types):
    """Whether a rule is about one of the resource types."""
    return not rule["resourceTypes"] or "*" in rule["resourceTypes"] or bool(types & set(rule["resourceTypes"]))


def words(rules, type):
    """The words of the rules that name the resource type."""
    return set(re.findall(r"\w+", " ".join(rule["rego"] for rule in rules if type in rule["resourceTypes"])))


class Engine:
    def __init__(self, types):
        rules, shared = bundle()
        self.rules = [rule for rule in rules if concerns(rule, types)]
        self.words = {name: words(self.rules, name) for name in types}
        modules = {module["name"]: module["rego"] for module in shared} | {"place": HEADER + PLACE}
        # A module for each service, as cdk-preflight itself does: modules cost more time than rules.
        for rule in self.rules:
            name = f"service_{rule['service']}"
            body = re.sub(r"^(?:package|import)\s.*\n", "", rule["rego"], flags=re.MULTILINE)
            modules[name] = modules.get(name, HEADER) + "\n" + body
        sources = [validate.ExternalRuleSource(name=name, content=content) for name, content in modules.items()]
        self.engine = validate.CompositeEngine(validate.CompositeEngineConfig(rego_rules=sources))

    def rules_of(self, type):
        """How many rules name the resource type."""
        return sum(type in rule["resourceTypes"] for rule in self.rules)

    def names(self, type, property):
        """Whether a rule of cdk-preflight about the type names the property."""
        return property in self.words.get(type, ())

    def report(self, template, region, account):
        """The validator's report on a template that is deployed there."""
        place = validate.PseudoParameterOverrides(region=region, account_id=account, partition=partition(region))
        config = validate.ValidateConfig(severity_level=validate.Severity.WARN, pseudo_parameter_overrides=place)
        text = json.dumps(template | {"Description": f"{region} {account}"})
        return self.engine.validate_template(validate.TemplateContent(text), config)


def partition(region):
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"
