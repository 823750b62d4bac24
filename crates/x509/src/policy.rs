//! Certificate policies: the valid_policy_graph of RFC 9618 5, which has one node a policy and depth
//! where RFC 5280's tree had one a path to it, and so cannot grow without bound (CVE-2023-0464).

use crate::{
    Error,
    budget::Budget,
    extensions::{CertificatePolicies, PolicyMappings},
    oids::ANY_POLICY,
};
use alloc::{vec, vec::Vec};
use der::asn1::ObjectIdentifier;

/// A policy at a depth.
#[derive(Debug)]
struct Node<'a> {
    valid_policy: &'a [u8],
    expected_policy_set: Vec<&'a [u8]>,
    /// Places in the level above.
    parents: Vec<usize>,
}

impl<'a> Node<'a> {
    fn new(valid_policy: &'a [u8], parents: Vec<usize>) -> Self {
        Self {
            valid_policy,
            expected_policy_set: vec![valid_policy],
            parents,
        }
    }

    fn expects(&self, policy: &[u8]) -> bool {
        self.expected_policy_set.contains(&policy)
    }
}

/// valid_policy_graph: a level for each certificate so far, below that of the root. NULL is an empty
/// last level. Nodes without children stay; [`Self::authorities_constrained`] passes over them.
#[derive(Debug)]
pub(crate) struct PolicyGraph<'a> {
    levels: Vec<Vec<Node<'a>>>,
}

impl<'a> PolicyGraph<'a> {
    /// 6.1.2 (a): one node of depth zero, anyPolicy.
    pub(crate) fn new() -> Self {
        Self {
            levels: vec![vec![Node::new(ANY_POLICY, Vec::new())]],
        }
    }

    fn last(&self) -> &[Node<'a>] {
        self.levels.last().map_or(&[], Vec::as_slice)
    }

    pub(crate) fn is_null(&self) -> bool {
        self.last().is_empty()
    }

    /// 6.1.3 (d), (e): a level for a certificate's policies. `any_policy`: whether anyPolicy counts in it.
    pub(crate) fn descend(
        &mut self,
        policies: Option<CertificatePolicies<'a>>,
        any_policy: bool,
        budget: &mut Budget,
    ) -> Result<(), Error> {
        let above = self.last();
        let mut level: Vec<Node<'a>> = Vec::new();
        let Some(policies) = policies.filter(|_| !above.is_empty()) else {
            self.levels.push(level);
            return Ok(());
        };
        // (d)(1): each policy below the nodes that expect it, or else below anyPolicy.
        for policy in policies.iter().filter(|policy| *policy != ANY_POLICY) {
            let mut parents = expecting(above, policy, budget)?;
            if parents.is_empty() {
                parents.extend(place(above, ANY_POLICY));
            }
            if !parents.is_empty() {
                level.push(Node::new(policy, parents));
            }
        }
        // (d)(2): what is expected and was not named, in the name of anyPolicy.
        if any_policy && policies.has_any_policy() {
            for policy in above.iter().flat_map(|node| &node.expected_policy_set) {
                if place(&level, policy).is_none() {
                    level.push(Node::new(policy, expecting(above, policy, budget)?));
                }
            }
        }
        self.levels.push(level);
        Ok(())
    }

    /// 6.1.4 (b): mappings of the last certificate; `allowed` while policy_mapping is above zero.
    pub(crate) fn map(
        &mut self,
        mappings: PolicyMappings<'a>,
        allowed: bool,
        budget: &mut Budget,
    ) -> Result<(), Error> {
        let any_above = self
            .levels
            .len()
            .checked_sub(2)
            .and_then(|above| self.levels.get(above))
            .and_then(|above| place(above, ANY_POLICY));
        let Some(level) = self.levels.last_mut() else {
            return Ok(());
        };
        let mut mapped: Vec<&[u8]> = Vec::new();
        for (issuer_domain, _) in mappings.iter() {
            budget.name_comparison()?;
            if mapped.contains(&issuer_domain) {
                continue;
            }
            mapped.push(issuer_domain);
            if !allowed {
                level.retain(|node| node.valid_policy != issuer_domain);
                continue;
            }
            let subject_domains = mappings
                .iter()
                .filter(|(from, _)| *from == issuer_domain)
                .map(|(_, to)| to);
            if let Some(node) = level
                .iter_mut()
                .find(|node| node.valid_policy == issuer_domain)
            {
                node.expected_policy_set = subject_domains.collect();
            } else if place(level, ANY_POLICY).is_some()
                && let Some(any_above) = any_above
            {
                let mut node = Node::new(issuer_domain, vec![any_above]);
                node.expected_policy_set = subject_domains.collect();
                level.push(node);
            }
        }
        Ok(())
    }

    /// 6.1.5 (g): authorities_constrained_policy_set: the policies that the root's domain knows the path
    /// by: those below an anyPolicy that lead to the last level.
    pub(crate) fn authorities_constrained(&self) -> Vec<&'a [u8]> {
        let mut policies = Vec::new();
        let mut alive: Vec<usize> = (0..self.last().len()).collect();
        if let Some(any) = place(self.last(), ANY_POLICY) {
            policies.push(self.last()[any].valid_policy);
        }
        for pair in self.levels.windows(2).rev() {
            let [above, level] = pair else { continue };
            let mut parents = Vec::new();
            for node in alive.iter().filter_map(|at| level.get(*at)) {
                let below_any = node
                    .parents
                    .iter()
                    .filter_map(|at| above.get(*at))
                    .any(|parent| parent.valid_policy == ANY_POLICY);
                if below_any && node.valid_policy != ANY_POLICY {
                    policies.push(node.valid_policy);
                }
                parents.extend(&node.parents);
            }
            parents.sort_unstable();
            parents.dedup();
            alive = parents;
        }
        policies
    }

    /// 6.1.5 (g): user_constrained_policy_set: of these, the ones that the user accepts.
    pub(crate) fn user_constrained(
        &self,
        user_initial_policy_set: &[ObjectIdentifier],
    ) -> Vec<&'a [u8]> {
        let authorities = self.authorities_constrained();
        let accepts = |policy: &[u8]| {
            user_initial_policy_set.is_empty()
                || user_initial_policy_set
                    .iter()
                    .any(|accepted| [policy, ANY_POLICY].contains(&accepted.as_bytes()))
        };
        // A path that is valid for any policy is so for each that is asked for.
        if authorities.contains(&ANY_POLICY) {
            return authorities;
        }
        authorities
            .into_iter()
            .filter(|policy| accepts(policy))
            .collect()
    }
}

/// The places of the nodes that expect this policy.
fn expecting(level: &[Node<'_>], policy: &[u8], budget: &mut Budget) -> Result<Vec<usize>, Error> {
    let mut places = Vec::new();
    for (at, node) in level.iter().enumerate() {
        budget.name_comparison()?;
        if node.expects(policy) {
            places.push(at);
        }
    }
    Ok(places)
}

/// The place of the node of this policy.
fn place(level: &[Node<'_>], policy: &[u8]) -> Option<usize> {
    level.iter().position(|node| node.valid_policy == policy)
}
