//! Files that other programs read, judged by the schemas that those publish: dashboards by the models of Grafana's own SDK,
//! manifests by the schemas of Kubernetes.

use std::path::Path;

use crate::clients::Python;

#[test]
fn manifests_are_what_kubernetes_takes() {
    let Some(python) = Python::with("kubernetes_validate") else { return };
    python.run_with(include_str!("schemas/kubernetes.py"), &[place("packaging/kubernetes")]);
}

#[test]
fn dashboards_have_nothing_that_grafana_does_not_know() {
    let Some(python) = Python::with("grafana_foundation_sdk") else { return };
    python.run_with(include_str!("schemas/grafana.py"), &[place("grafana")]);
}

fn place(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name).display().to_string()
}
