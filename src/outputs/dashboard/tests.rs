//! Tests of the options and of the answers by way of a whole pipeline.

use super::*;

fn violations(address: &str, password: &str) -> Vec<String> {
    let config = Config {
        address: Address::parse(address).unwrap(),
        password: password.to_owned(),
        ..Config::default()
    };
    config.check().into_iter().map(|violation| format!("{}: {}", violation.key, violation.message)).collect()
}

#[test]
fn only_a_loopback_address_goes_without_a_password() {
    let open = ["address: is open to others, who would need no password".to_owned()];
    for address in ["0.0.0.0:1", ":1", "10.0.0.1:1", "[::]:1", "example.com:1"] {
        assert_eq!(violations(address, ""), open, "{address}");
        assert_eq!(violations(address, "x"), [""; 0], "{address}");
    }
    for address in ["127.0.0.1:1", "localhost:1", "[::1]:1", "127.8.8.8:1"] {
        assert_eq!(violations(address, ""), [""; 0], "{address}");
    }
}
