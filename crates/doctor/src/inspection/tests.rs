use super::*;

/// A connection as a healthy network shows it.
fn healthy(name: &str) -> Sight {
    Sight {
        name: name.to_owned(),
        way: String::new(),
        issuer: "CN=Public Issuer 1".to_owned(),
        issuer_key: "01".to_owned(),
        leaf_key: [1; 32],
        host_trusts: true,
        public_trusts: true,
        expects_public: true,
        pin_matches: None,
        timestamps: 2,
        exporter_matches: None,
    }
}

/// The same behind an authority that only its owner knows.
fn private(name: &str) -> Sight {
    Sight {
        issuer: "CN=Some Root".to_owned(),
        issuer_key: "02".to_owned(),
        leaf_key: [2; 32],
        host_trusts: false,
        public_trusts: false,
        timestamps: 0,
        ..healthy(name)
    }
}

fn signs(sights: &[Sight]) -> Vec<Sign> {
    weigh(sights)[0].signs.iter().copied().collect()
}

#[test]
fn a_healthy_connection_shows_no_sign() {
    let sights = [healthy("a.example"), healthy("b.example")];
    assert!(weigh(&sights).iter().all(|one| one.signs.is_empty()));
}

#[test]
fn a_chain_that_the_host_alone_trusts_is_inspected() {
    let sight = Sight {
        host_trusts: true,
        ..private("a.example")
    };
    assert_eq!(signs(&[sight]), [Sign::HostAlone]);
}

#[test]
fn a_private_chain_alone_is_untrusted_and_no_more() {
    assert!(signs(&[private("a.example")]).is_empty());
}

#[test]
fn one_private_issuer_on_names_of_different_owners_is_inspection() {
    let found = weigh(&[private("a.example"), private("a.example.net")]);
    for one in found {
        assert_eq!(one.signs, BTreeSet::from([Sign::OneIssuerManyOwners]));
        assert!(one.is_enough());
    }
}

#[test]
fn one_private_issuer_on_names_of_one_owner_is_not_enough() {
    let found = weigh(&[private("a.one.example"), private("b.one.example")]);
    for one in &found {
        assert_eq!(one.signs, BTreeSet::from([Sign::OneIssuerOneOwner]));
        assert!(!one.is_enough());
    }
}

#[test]
fn a_missing_pin_needs_a_second_sign() {
    let missing = Sight {
        pin_matches: Some(false),
        ..private("a.one.example")
    };
    let alone = weigh(std::slice::from_ref(&missing));
    assert_eq!(alone[0].signs, BTreeSet::from([Sign::PinMissing]));
    assert!(!alone[0].is_enough());
    let beside = weigh(&[missing, private("b.one.example")]);
    assert!(beside[0].is_enough(), "{beside:?}");
}

#[test]
fn another_leaf_on_another_way_is_inspection_where_its_issuer_is_private() {
    let through = Sight {
        way: "http://proxy:3128".to_owned(),
        ..private("a.example")
    };
    let found = weigh(&[through, healthy("a.example")]);
    assert_eq!(found[0].signs, BTreeSet::from([Sign::OtherPrivateLeaf]));
    assert!(found[0].is_enough());
    // The way that is not inspected is not suspected for it.
    assert_eq!(found[1].signs, BTreeSet::from([Sign::OtherPublicLeaf]));
    assert!(!found[1].is_enough());
}

#[test]
fn many_public_servers_behind_one_name_are_no_inspection() {
    let other = Sight {
        way: "http://proxy:3128".to_owned(),
        leaf_key: [3; 32],
        ..healthy("a.example")
    };
    let found = weigh(&[other, healthy("a.example")]);
    assert!(found.iter().all(|one| !one.is_enough()), "{found:?}");
}

#[test]
fn missing_timestamps_need_more_than_another_public_leaf() {
    let sight = Sight {
        timestamps: 0,
        ..healthy("a.example")
    };
    assert_eq!(signs(std::slice::from_ref(&sight)), [Sign::NoTimestamps]);
    let other = Sight {
        way: "http://proxy:3128".to_owned(),
        leaf_key: [3; 32],
        ..sight.clone()
    };
    let found = weigh(&[other, sight]);
    assert_eq!(found[0].weight(), 40);
    assert!(!found[0].is_enough());
}

#[test]
fn a_different_exporter_value_is_enough_alone() {
    let sight = Sight {
        exporter_matches: Some(false),
        ..healthy("a.example")
    };
    let found = weigh(&[sight]);
    assert_eq!(found[0].signs, BTreeSet::from([Sign::ExporterDiffers]));
    assert!(found[0].is_enough());
}

#[test]
fn the_same_exporter_value_at_both_ends_takes_nothing_from_the_other_signs() {
    let sights = |matches| {
        let sight = Sight {
            exporter_matches: matches,
            issuer: "CN=Zscaler Intermediate Root".to_owned(),
            host_trusts: true,
            ..private("a.example")
        };
        weigh(&[sight, private("a.example.net")])
    };
    assert_eq!(sights(Some(true)), sights(None));
    assert!(sights(Some(true))[0].is_enough());
}

#[test]
fn a_product_that_inspects_is_known_by_its_issuers_name_and_needs_a_second_sign() {
    let sight = |name| Sight {
        issuer: "O=Zscaler Inc., CN=Zscaler Intermediate Root".to_owned(),
        ..private(name)
    };
    let alone = weigh(&[sight("a.one.example")]);
    assert_eq!(alone[0].signs, BTreeSet::from([Sign::ProductNamed]));
    assert!(!alone[0].is_enough());
    assert!(weigh(&[sight("a.one.example"), sight("b.one.example")])[0].is_enough());
}

#[test]
fn a_row_with_a_private_authority_is_not_suspected_for_having_one() {
    let sight = |name| Sight {
        expects_public: false,
        ..private(name)
    };
    let found = weigh(&[sight("a.example"), sight("a.example.net")]);
    assert!(found.iter().all(|one| one.signs.is_empty()), "{found:?}");
}

#[test]
fn only_signs_that_nothing_else_explains_are_enough_alone() {
    for sign in Sign::ALL {
        let alone = Suspicion {
            signs: BTreeSet::from([sign]),
        };
        let expected = matches!(
            sign,
            Sign::ExporterDiffers
                | Sign::HostAlone
                | Sign::OneIssuerManyOwners
                | Sign::OtherPrivateLeaf
        );
        assert_eq!(alone.is_enough(), expected, "{sign:?}");
        for other in Sign::ALL.into_iter().filter(|other| *other != sign) {
            let both = Suspicion {
                signs: BTreeSet::from([sign, other]),
            };
            assert_eq!(both.weight(), sign.weight() + other.weight());
            assert_eq!(both.is_enough(), both.weight() >= THRESHOLD);
        }
    }
}

#[test]
fn owners_are_told_apart_by_what_they_register() {
    for (name, expected) in [
        ("a.b.example.com", "example.com"),
        ("example.com", "example.com"),
        ("a.example.co.uk", "example.co.uk"),
        ("a.example.com.cn", "example.com.cn"),
        ("one", "one"),
        ("192.0.2.1", "192.0.2.1"),
    ] {
        assert_eq!(owner(name), expected, "{name}");
    }
}
