//! Holds the image, the unit and the manifests to the program and to each other, as far as that needs no package
//! manager; `tests/real/packaging.rs` installs and runs what is packed.

mod yaml;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use heka::config::{Problems, Sources, render};
use heka::pipeline::{Plan, builtin, plan};
use serde_json::{Value, json};

use yaml::documents;

#[test]
fn every_configuration_of_the_manifests_plans_with_the_variables_of_its_container() {
    for Manifest { name, documents, pod } in manifests() {
        let container = hekad_of(&pod);
        let variables: BTreeMap<&str, &str> = list(&container["env"])
            .map(|variable| (text(&variable["name"]), variable["value"].as_str().unwrap_or("node-1")))
            .collect();
        let configuration = text(&of_kind(&documents, "ConfigMap")["data"]["hekad.toml"]);
        let planned = planned(&name, configuration, &|name| variables.get(name).map(ToString::to_string));
        assert!(planned.inputs.iter().any(|input| &*input.name == "statsd"), "{name}: no statsd");
        let grace: u64 = text(&pod["terminationGracePeriodSeconds"]).parse().expect("it is in seconds");
        assert!(Duration::from_secs(grace) > planned.hekad.stop_timeout.0, "{name}: killed before its time");
        let scraped = configuration.contains("[PrometheusOutput]\naddress = \"0.0.0.0:4352\"\n");
        assert!(scraped, "{name}: nothing answers the probes");
        for port in list(&container["ports"]) {
            let listens = format!(":{}\"", text(&port["containerPort"]));
            assert!(configuration.contains(&listens), "{name}: nothing listens on {port}");
        }
    }
}

#[test]
fn manifests_refer_to_what_is_in_them() {
    for Manifest { name, documents, pod } in manifests() {
        let workload = documents.iter().find(|one| !one["spec"].is_null()).expect("there is a workload");
        let labels = &workload["spec"]["template"]["metadata"]["labels"];
        assert_eq!(&workload["spec"]["selector"]["matchLabels"], labels, "{name}");
        let config = of_kind(&documents, "ConfigMap");
        assert_eq!(config["metadata"]["namespace"], workload["metadata"]["namespace"], "{name}");
        let volumes: BTreeMap<&str, &Value> =
            list(&pod["volumes"]).map(|volume| (text(&volume["name"]), volume)).collect();
        assert_eq!(volumes["config"]["configMap"]["name"], config["metadata"]["name"], "{name}");
        let container = hekad_of(&pod);
        let mounted: BTreeMap<&str, &str> = list(&container["volumeMounts"])
            .map(|mount| (text(&mount["mountPath"]), text(&mount["name"])))
            .collect();
        let used: BTreeSet<&str> = mounted.values().copied().collect();
        assert_eq!(used, volumes.keys().copied().collect(), "{name}: volumes and mounts");
        assert_eq!(mounted.get("/etc/hekad.toml"), Some(&"config"), "{name}");
        assert_eq!(mounted.get("/var/cache/hekad"), Some(&"state"), "{name}");
        let ports: BTreeSet<&str> = list(&container["ports"]).map(|port| text(&port["name"])).collect();
        for (probe, path) in
            [("startupProbe", "/-/ready"), ("readinessProbe", "/-/ready"), ("livenessProbe", "/-/healthy")]
        {
            let asked = &container[probe]["httpGet"];
            assert_eq!(asked["path"], path, "{name}: {probe}");
            assert!(ports.contains(text(&asked["port"])), "{name}: {probe}");
        }
        let context = &container["securityContext"];
        assert_eq!(context["readOnlyRootFilesystem"], "true", "{name}");
        assert_eq!(context["allowPrivilegeEscalation"], "false", "{name}");
        assert_eq!(context["capabilities"], json!({"drop": ["ALL"]}), "{name}");
    }
}

#[test]
fn logs_of_the_node_are_only_read() {
    let daemons = manifests().into_iter().find(|manifest| manifest.name == "daemonset.yaml");
    let daemons = daemons.expect("there is a DaemonSet");
    let container = hekad_of(&daemons.pod);
    let logs =
        list(&container["volumeMounts"]).find(|mount| mount["name"] == "pods").expect("logs are mounted");
    assert_eq!(*logs, json!({"name": "pods", "mountPath": "/var/log/pods", "readOnly": "true"}));
    let configuration = text(&of_kind(&daemons.documents, "ConfigMap")["data"]["hekad.toml"]);
    assert!(configuration.contains("log_directory = \"/var/log/pods\"\n"));
}

#[test]
fn the_image_runs_a_configuration_that_its_health_check_and_its_ports_fit() {
    let configuration = file("packaging/docker/hekad.toml");
    let planned = planned("packaging/docker/hekad.toml", &configuration, &|_| None);
    assert_eq!(planned.joints.len(), 3);
    // What `hekad health` asks where it is given nothing.
    assert!(configuration.contains("[PrometheusOutput]\naddress = \"${SCRAPE:-0.0.0.0:4352}\"\n"));
    let dockerfile = file("Dockerfile");
    for line in [
        "FROM scratch",
        "USER 65532:65532",
        "ENV HEKA_BASE_DIR=/var/cache/hekad",
        "VOLUME /var/cache/hekad",
        "EXPOSE 8125/udp 8125/tcp 4352/tcp",
        "ENTRYPOINT [\"/usr/bin/hekad\"]",
    ] {
        assert!(dockerfile.lines().any(|found| found == line), "no {line:?} in the Dockerfile");
    }
    let health = dockerfile.lines().find(|line| line.starts_with("HEALTHCHECK ")).expect("it is asked");
    assert!(health.ends_with("CMD [\"/usr/bin/hekad\", \"health\"]"), "{health}");
}

#[test]
fn the_build_of_the_image_is_given_all_it_copies_and_includes() {
    let ignored = file(".dockerignore");
    let given: BTreeSet<&str> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let dockerfile = file("Dockerfile");
    let copied: BTreeSet<&str> = dockerfile
        .lines()
        .filter_map(|line| line.strip_prefix("COPY ").filter(|words| !words.starts_with("--from")))
        .flat_map(|words| words.rsplit_once(' ').expect("it is copied somewhere").0.split(' '))
        .collect();
    for from in &copied {
        let is_given = given.iter().any(|given| Path::new(from).starts_with(given));
        assert!(is_given, "{from} is copied, and .dockerignore keeps it away");
        assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(from).exists(), "there is no {from}");
    }
    assert!(
        copied.is_superset(&["Cargo.toml", "Cargo.lock", ".cargo", "config", "src"].into()),
        "{copied:?}"
    );
}

#[test]
fn the_composition_fits_the_image() {
    let composition = documents("compose.yaml", &file("grafana/compose.yaml")).remove(0);
    let hekad = &composition["services"]["hekad"];
    assert_eq!(hekad["build"], "..");
    assert_eq!(hekad["environment"]["HEKA_BASE_DIR"], "/var/cache/hekad");
    assert!(list(&hekad["volumes"]).any(|volume| volume == "state:/var/cache/hekad"));
}

#[test]
fn the_unit_gives_a_stop_its_time_and_does_not_repeat_a_wrong_configuration() {
    let unit = file("packaging/systemd/hekad.service");
    let value = |key: &str| {
        let mark = format!("{key}=");
        unit.lines().find_map(|line| line.strip_prefix(&mark)).unwrap_or_else(|| panic!("no {key}"))
    };
    let stop: u64 = value("TimeoutStopSec").trim_end_matches('s').parse().expect("it is in seconds");
    assert!(Duration::from_secs(stop) > heka::pipeline::Hekad::default().stop_timeout.0);
    assert_eq!(value("RestartPreventExitStatus"), "78");
    assert_eq!((value("ExecStart"), value("Restart")), ("/usr/bin/hekad", "on-failure"));
    let state = value("Environment").strip_prefix("HEKA_BASE_DIR=/var/lib/").expect("state has a place");
    assert_eq!(state, value("StateDirectory"));
}

#[test]
fn the_socket_unit_opens_what_the_default_configuration_listens_on_under_the_name_it_tells_of() {
    let unit = file("packaging/systemd/hekad-statsd.socket");
    let value = |key: &str| {
        let mark = format!("{key}=");
        unit.lines().find_map(|line| line.strip_prefix(&mark)).unwrap_or_else(|| panic!("no {key}"))
    };
    assert_eq!(value("Service"), "hekad.service");
    let asked = format!("address = \"fd:{}\"", value("FileDescriptorName"));
    assert!(unit.contains(&format!("#   [statsd]\n#   {asked}\n")), "{asked} is not told of");
    let default = file("config/default.toml");
    // In the words of systemd and in ours.
    assert_eq!(value("ReceiveBuffer"), "25M");
    assert!(default.contains("# receive_buffer = \"25 MiB\"\n"));
    let listens = "[statsd]\ntype = \"StatsdInput\"\naddress = [\"127.0.0.1:8125\", \"[::1]:8125\"]\n";
    assert!(default.contains(listens) && listens.contains(value("ListenDatagram")));
    for address in [asked.as_str(), "address = [\"fd:statsd\", \"[::1]:8125\"]"] {
        assert!(unit.contains(address), "{address} is not told of");
        let handed = format!("[statsd]\ntype = \"StatsdInput\"\n{address}\n");
        planned("config/default.toml", &default.replace(listens, &handed), &|_| None);
    }
    // Where it says that it is.
    let installed = "[\"packaging/systemd/hekad-statsd.socket\", \"usr/share/hekad/systemd/\", \"644\"]";
    assert!(file("Cargo.toml").contains(installed));
    assert!(unit.contains("systemctl enable --now /usr/share/hekad/systemd/hekad-statsd.socket"));
}

/// A file of Kubernetes.
struct Manifest {
    name: String,
    documents: Vec<Value>,
    /// What its workload makes.
    pod: Value,
}

fn manifests() -> Vec<Manifest> {
    ["sidecar.yaml", "daemonset.yaml"].map(manifest).into()
}

fn manifest(name: &str) -> Manifest {
    let documents = documents(name, &file(&format!("packaging/kubernetes/{name}")));
    let workload = documents.iter().find(|one| !one["spec"].is_null()).expect("there is a workload");
    let pod = workload["spec"]["template"]["spec"].clone();
    Manifest { name: name.to_owned(), documents, pod }
}

fn of_kind<'a>(documents: &'a [Value], kind: &str) -> &'a Value {
    documents.iter().find(|one| one["kind"] == kind).unwrap_or_else(|| panic!("there is no {kind}"))
}

fn hekad_of(pod: &Value) -> &Value {
    let containers = ["initContainers", "containers"].into_iter().flat_map(|key| list(&pod[key]));
    containers.into_iter().find(|container| container["name"] == "hekad").expect("hekad is in the pod")
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

fn planned(name: &str, text: &str, environment: &dyn Fn(&str) -> Option<String>) -> Plan {
    let sources = Sources::embedded(name, text);
    let mut problems = Problems::new();
    let planned = plan(&sources, &builtin(), environment, "host.example.com", &mut problems);
    assert!(problems.is_empty(), "{name}:\n{}", render(&problems, &sources, false));
    planned.expect("it is right")
}

fn file(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
