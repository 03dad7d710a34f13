// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILogAnchor} from "../src/interfaces/ILogAnchor.sol";
import {RuleFixture} from "./support/RuleFixture.sol";
import {Trees} from "./support/Trees.sol";

/// @dev X4: no contract takes coins of the chain, neither alone nor with any call that would succeed without.
contract EtherTest is RuleFixture {
    function setUp() public override {
        super.setUp();
        vm.deal(address(this), 100 ether);
    }

    function _refuses(address target, bytes memory call) private {
        (bool taken,) = target.call{value: 1}(call);
        assertTrue(!taken, "with value");
        (bool done,) = target.call(call);
        assertTrue(done, "the same without value");
        assertEq(target.balance, 0, "balance");
    }

    function test_noContractTakesAPlainPayment() public {
        address[7] memory all = [
            address(roles),
            address(anchor),
            address(cosign),
            address(credit),
            address(membership),
            address(seats),
            address(rules)
        ];
        for (uint256 i = 0; i < all.length; ++i) {
            (bool taken,) = all[i].call{value: 1}("");
            assertTrue(!taken, "plain");
            (taken,) = all[i].call{value: 1}(hex"00000000");
            assertTrue(!taken, "unknown call");
            assertEq(all[i].balance, 0, "balance");
        }
    }

    function test_noCallTakesValue() public {
        _refuses(address(roles), abi.encodeCall(roles.grantRole, (uint64(3) << 32, alice, 0)));
        _refuses(address(roles), abi.encodeCall(roles.labelRole, (uint64(3) << 32, "president")));
        _refuses(address(cosign), abi.encodeCall(cosign.isApproved, (CANCEL, CHAPTER, ORDER)));
        _refuses(address(credit), abi.encodeCall(credit.totalSupply, ()));
        _refuses(address(membership), abi.encodeCall(membership.recoveredTo, (alice)));
        _refuses(address(seats), abi.encodeCall(seats.holderOf, (CHAPTER, BAKERY)));
        _refuses(address(rules), abi.encodeCall(rules.kindOf, (TABLE)));
        bytes32[] memory all = hashes[LOG];
        bytes32 root = Trees.root(all, 0, 2);
        bytes32[] memory proof = Trees.consistency(all, 1, 0, 2, true);
        bytes[] memory signatures = _signatures(_anchorDigest(LOG, 2, root), 0, 1);
        _refuses(address(anchor), abi.encodeCall(ILogAnchor.anchor, (LOG, 2, root, proof, signatures)));
    }
}
