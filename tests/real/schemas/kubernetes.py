"""Every object of every manifest in a folder, strictly: a key that is unknown or stands twice is an error."""

import pathlib
import sys

import kubernetes_validate
import yaml

VERSIONS = ("1.28", "1.34")

kinds = []
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.yaml")):
    for manifest in yaml.safe_load_all(path.read_text()):
        for version in VERSIONS:
            try:
                kubernetes_validate.validate(manifest, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                sys.exit(f"{path.name}, {manifest['kind']}, Kubernetes {version}: {error.path}: {error.message}")
        kinds.append(manifest["kind"])
if sorted(kinds) != ["ConfigMap", "ConfigMap", "DaemonSet", "Deployment"]:
    sys.exit(f"it was shown {kinds}")
