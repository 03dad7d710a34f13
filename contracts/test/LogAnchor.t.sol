// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILogAnchor} from "../src/interfaces/ILogAnchor.sol";
import {IRoleGated} from "../src/interfaces/IRoleGated.sol";
import {Roles} from "../src/libraries/Roles.sol";
import {Fixture} from "./support/Fixture.sol";
import {Trees} from "./support/Trees.sol";

contract LogAnchorTest is Fixture {
    bytes32 private constant NEW_LOG = keccak256("new log");
    uint256 private constant SECP256K1_N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

    function _root(uint64 size) private view returns (bytes32) {
        return Trees.root(hashes[LOG], 0, size);
    }

    function _consistency(uint64 have, uint64 size) private view returns (bytes32[] memory) {
        return Trees.consistency(hashes[LOG], have, 0, size, true);
    }

    function _grow(uint256 count) private {
        for (uint256 i = 0; i < count; ++i) {
            _note(LOG);
        }
    }

    function _post(uint64 have, uint64 size) private {
        bytes32 root = _root(size);
        bytes[] memory signatures = _signatures(_anchorDigest(LOG, size, root), 0, 2);
        anchor.anchor(LOG, size, root, _consistency(have, size), signatures);
    }

    function test_registeredAtSizeOne() public view {
        (uint64 size, bytes32 root) = anchor.latest(LOG);
        assertEq(size, 1, "size");
        assertEq(root, hashes[LOG][0], "root");
        (address[] memory signers, uint8 threshold) = anchor.signersOf(LOG);
        (address[] memory want,) = _signers();
        assertSame(abi.encode(signers), abi.encode(want), "signers");
        assertEq(threshold, 2, "threshold");
        assertEq(anchor.maxGrowthOf(LOG), 1 << 40, "growth");
    }

    function test_registerLogEmits() public {
        (address[] memory signers,) = _signers();
        vm.expectEmit();
        emit ILogAnchor.LogRegistered(NEW_LOG, ORDER, 7);
        vm.expectEmit();
        emit ILogAnchor.SignersSet(NEW_LOG, signers, 3);
        vm.prank(hq);
        anchor.registerLog(NEW_LOG, ORDER, 7, signers, 3);
    }

    function test_registerLogRefusals() public {
        (address[] memory signers,) = _signers();
        vm.prank(operator);
        vm.expectRevert(
            abi.encodeWithSelector(IRoleGated.MissingRole.selector, operator, Roles.HQ, uint32(0))
        );
        anchor.registerLog(NEW_LOG, ORDER, 7, signers, 2);
        vm.prank(hq);
        vm.expectRevert(abi.encodeWithSelector(ILogAnchor.LogExists.selector, LOG));
        anchor.registerLog(LOG, ORDER, 7, signers, 2);
        vm.prank(hq);
        vm.expectRevert(abi.encodeWithSelector(ILogAnchor.InvalidLog.selector, NEW_LOG));
        anchor.registerLog(NEW_LOG, 0, 7, signers, 2);
        vm.prank(hq);
        vm.expectRevert(abi.encodeWithSelector(ILogAnchor.InvalidLog.selector, NEW_LOG));
        anchor.registerLog(NEW_LOG, ORDER, 0, signers, 2);
        vm.prank(hq);
        vm.expectRevert(abi.encodeWithSelector(ILogAnchor.InvalidLog.selector, bytes32(0)));
        anchor.registerLog(0, ORDER, 7, signers, 2);
    }

    function _refuseSigners(address[] memory signers, uint8 threshold) private {
        vm.prank(hq);
        vm.expectRevert(abi.encodeWithSelector(ILogAnchor.InvalidSigners.selector, signers.length, threshold));
        anchor.setSigners(LOG, signers, threshold);
    }

    function test_signersMustAscendAndFitTheThreshold() public {
        (address[] memory signers,) = _signers();
        _refuseSigners(signers, 0);
        _refuseSigners(signers, 4);
        _refuseSigners(new address[](0), 0);
        _refuseSigners(new address[](17), 2);
        (signers[0], signers[1]) = (signers[1], signers[0]);
        _refuseSigners(signers, 2);
        signers[1] = signers[0];
        _refuseSigners(signers, 2);
        (signers,) = _signers();
        signers[0] = address(0);
        _refuseSigners(signers, 2);
    }

    function test_setSigners() public {
        address[] memory one = new address[](1);
        one[0] = vm.addr(77);
        vm.prank(stranger);
        vm.expectRevert(
            abi.encodeWithSelector(IRoleGated.MissingRole.selector, stranger, Roles.HQ, uint32(0))
        );
        anchor.setSigners(LOG, one, 1);
        vm.prank(hq);
        vm.expectRevert(abi.encodeWithSelector(ILogAnchor.UnknownLog.selector, NEW_LOG));
        anchor.setSigners(NEW_LOG, one, 1);
        vm.prank(hq);
        anchor.setSigners(LOG, one, 1);
        bytes32 root = _root(2);
        bytes[] memory signatures = _signatures(_anchorDigest(LOG, 2, root), 0, 1);
        bytes32[] memory proof = _consistency(1, 2);
        vm.expectRevert(
            abi.encodeWithSelector(
                ILogAnchor.SignatureCountOutOfRange.selector, uint256(2), uint256(1), uint256(1)
            )
        );
        anchor.anchor(LOG, 2, root, proof, signatures);
        signatures = new bytes[](1);
        signatures[0] = _sign(77, _anchorDigest(LOG, 2, root));
        anchor.anchor(LOG, 2, root, _consistency(1, 2), signatures);
    }

    function testFuzz_anchorsGrowOnly(uint256 first, uint256 second) public {
        _grow(40);
        uint64 size1 = uint64(bound(first, 2, 40));
        uint64 size2 = uint64(bound(second, size1 + 1, 41));
        _post(1, size1);
        vm.expectEmit();
        emit ILogAnchor.Anchored(LOG, size2, _root(size2), size1);
        _post(size1, size2);
        assertEq(anchor.rootAt(LOG, 1), hashes[LOG][0], "the genesis root stands");
        assertEq(anchor.rootAt(LOG, size1), _root(size1), "the first root stands");
        assertEq(anchor.rootAt(LOG, size2), _root(size2), "the second stands");
        (uint64 size, bytes32 root) = anchor.latest(LOG);
        assertEq(size, size2, "latest size");
        assertEq(root, _root(size2), "latest root");
    }

    function test_anyoneMayPost() public {
        bytes32 root = _root(2);
        bytes[] memory signatures = _signatures(_anchorDigest(LOG, 2, root), 0, 1);
        bytes32[] memory proof = _consistency(1, 2);
        vm.prank(stranger);
        anchor.anchor(LOG, 2, root, proof, signatures);
        assertEq(anchor.rootAt(LOG, 2), root, "root");
    }

    function test_sameOrSmallerSizeIsRefused() public {
        _grow(3);
        _post(1, 4);
        bytes32 root = keccak256("fork");
        bytes[] memory signatures = _signatures(_anchorDigest(LOG, 4, root), 0, 1);
        vm.expectRevert(
            abi.encodeWithSelector(ILogAnchor.TreeSizeNotIncreasing.selector, uint64(4), uint64(4))
        );
        anchor.anchor(LOG, 4, root, new bytes32[](0), signatures);
        vm.expectRevert(
            abi.encodeWithSelector(ILogAnchor.TreeSizeNotIncreasing.selector, uint64(4), uint64(3))
        );
        anchor.anchor(LOG, 3, root, new bytes32[](0), signatures);
    }

    function test_growthIsCapped() public {
        (address[] memory signers,) = _signers();
        vm.prank(hq);
        anchor.registerLog(NEW_LOG, hashes[LOG][0], 5, signers, 2);
        _grow(6);
        bytes32 root = _root(7);
        bytes[] memory signatures = _signatures(_anchorDigest(NEW_LOG, 7, root), 0, 1);
        bytes32[] memory proof = _consistency(1, 7);
        vm.expectRevert(abi.encodeWithSelector(ILogAnchor.GrowthTooLarge.selector, uint64(6), uint64(5)));
        anchor.anchor(NEW_LOG, 7, root, proof, signatures);
        root = _root(6);
        signatures = _signatures(_anchorDigest(NEW_LOG, 6, root), 0, 1);
        anchor.anchor(NEW_LOG, 6, root, _consistency(1, 6), signatures);
    }

    function test_inconsistentTreeIsRefusedThoughSigned() public {
        _grow(5);
        _post(1, 4);
        bytes32[] memory forked = hashes[LOG];
        forked[2] = keccak256("rewritten");
        bytes32 root = Trees.root(forked, 0, 6);
        bytes[] memory signatures = _signatures(_anchorDigest(LOG, 6, root), 0, 1);
        bytes32[] memory proof = Trees.consistency(forked, 4, 0, 6, true);
        vm.expectRevert(
            abi.encodeWithSelector(ILogAnchor.InconsistentTree.selector, LOG, uint64(4), uint64(6))
        );
        anchor.anchor(LOG, 6, root, proof, signatures);
    }

    function _refuseSignatures(bytes[] memory signatures, bytes memory error_) private {
        bytes32 root = _root(2);
        bytes32[] memory proof = _consistency(1, 2);
        vm.expectRevert(error_);
        anchor.anchor(LOG, 2, root, proof, signatures);
    }

    function test_signaturesMustBeEnoughDistinctAndOrdered() public {
        (address[] memory signers, uint256[] memory keys) = _signers();
        bytes32 digest = _anchorDigest(LOG, 2, _root(2));
        bytes[] memory list = new bytes[](1);
        list[0] = _sign(keys[0], digest);
        _refuseSignatures(
            list,
            abi.encodeWithSelector(
                ILogAnchor.SignatureCountOutOfRange.selector, uint256(1), uint256(2), uint256(3)
            )
        );
        list = new bytes[](4);
        _refuseSignatures(
            list,
            abi.encodeWithSelector(
                ILogAnchor.SignatureCountOutOfRange.selector, uint256(4), uint256(2), uint256(3)
            )
        );
        list = _signatures(digest, 1, 1);
        _refuseSignatures(
            list, abi.encodeWithSelector(ILogAnchor.InvalidSignature.selector, uint256(1), signers[1])
        );
        list = _signatures(digest, 2, 0);
        _refuseSignatures(
            list, abi.encodeWithSelector(ILogAnchor.InvalidSignature.selector, uint256(1), signers[0])
        );
        list[0] = _sign(HOLDER_KEY, digest);
        _refuseSignatures(
            list, abi.encodeWithSelector(ILogAnchor.InvalidSignature.selector, uint256(0), holder)
        );
    }

    function test_malleableAndMalformedSignaturesAreRefused() public {
        (, uint256[] memory keys) = _signers();
        bytes32 digest = _anchorDigest(LOG, 2, _root(2));
        bytes[] memory list = _signatures(digest, 0, 1);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keys[0], digest);
        bytes memory none =
            abi.encodeWithSelector(ILogAnchor.InvalidSignature.selector, uint256(0), address(0));
        list[0] = abi.encodePacked(r, bytes32(SECP256K1_N - uint256(s)), v == 27 ? uint8(28) : uint8(27));
        _refuseSignatures(list, none);
        list[0] = abi.encodePacked(r, s, v - 27);
        _refuseSignatures(list, none);
        list[0] = abi.encodePacked(r, s);
        _refuseSignatures(list, none);
        list[0] = abi.encodePacked(r, s, v, uint8(0));
        _refuseSignatures(list, none);
        list[0] = abi.encodePacked(bytes32(0), bytes32(0), uint8(27));
        _refuseSignatures(list, none);
        list[0] = abi.encodePacked(bytes32(SECP256K1_N), s, v);
        _refuseSignatures(list, none);
        list[0] = abi.encodePacked(r, bytes32(SECP256K1_N), v);
        _refuseSignatures(list, none);
    }

    /// @dev S2, S5: a signature for another chain, genesis block, contract, log, size or root is somebody else's.
    function test_signaturesBindEverything() public {
        bytes32 root = _root(2);
        bytes32[] memory proof = _consistency(1, 2);
        bytes[] memory signatures = _signatures(_anchorDigest(LOG, 2, root), 0, 1);
        // The compiler takes the chain id for a constant, so it is written out.
        vm.chainId(31_338);
        _expectForeign(LOG, 2, root, proof, signatures);
        vm.chainId(31_337);
        _expectForeign(LOG, 2, root, proof, _signatures(_anchorDigest(OTHER_LOG, 2, root), 0, 1));
        _expectForeign(LOG, 2, root, proof, _signatures(_anchorDigest(LOG, 3, root), 0, 1));
        _expectForeign(LOG, 2, root, proof, _signatures(_anchorDigest(LOG, 2, ~root), 0, 1));
        bytes32 structHash = keccak256(
            abi.encode(keccak256("Anchor(bytes32 logId,uint64 size,bytes32 root)"), LOG, uint64(2), root)
        );
        bytes32 elsewhere = _typedDigest("Tongyi LogAnchor", address(credit), structHash);
        _expectForeign(LOG, 2, root, proof, _signatures(elsewhere, 0, 1));
        bytes32 before = _saltedDigest("Tongyi LogAnchor", address(anchor), ~GENESIS, structHash);
        _expectForeign(LOG, 2, root, proof, _signatures(before, 0, 1));
        anchor.anchor(LOG, 2, root, proof, signatures);
    }

    function _expectForeign(
        bytes32 logId,
        uint64 size,
        bytes32 root,
        bytes32[] memory proof,
        bytes[] memory signatures
    ) private {
        try anchor.anchor(logId, size, root, proof, signatures) {
            revert NotTrue("a foreign signature");
        } catch (bytes memory reason) {
            assertEq(bytes32(bytes4(reason)), bytes32(ILogAnchor.InvalidSignature.selector), "error");
        }
    }

    function test_zeroRootAndUnknownLogAreRefused() public {
        bytes[] memory signatures = _signatures(_anchorDigest(LOG, 2, 0), 0, 1);
        vm.expectRevert(abi.encodeWithSelector(ILogAnchor.InvalidLog.selector, LOG));
        anchor.anchor(LOG, 2, 0, new bytes32[](0), signatures);
        vm.expectRevert(abi.encodeWithSelector(ILogAnchor.UnknownLog.selector, NEW_LOG));
        anchor.anchor(NEW_LOG, 2, ORDER, new bytes32[](0), signatures);
    }

    function test_succeed() public {
        vm.expectEmit();
        emit ILogAnchor.LogSucceeded(LOG, OTHER_LOG);
        vm.prank(hq);
        anchor.succeed(LOG, OTHER_LOG);
        assertEq(anchor.successorOf(LOG), OTHER_LOG, "successor");
        bytes32 root = _root(2);
        bytes[] memory signatures = _signatures(_anchorDigest(LOG, 2, root), 0, 1);
        vm.expectRevert(abi.encodeWithSelector(ILogAnchor.LogClosed.selector, LOG, OTHER_LOG));
        anchor.anchor(LOG, 2, root, new bytes32[](0), signatures);
        assertEq(anchor.rootAt(LOG, 1), hashes[LOG][0], "its roots stand");
    }

    function test_succeedRefusals() public {
        vm.prank(operator);
        vm.expectRevert(
            abi.encodeWithSelector(IRoleGated.MissingRole.selector, operator, Roles.HQ, uint32(0))
        );
        anchor.succeed(LOG, OTHER_LOG);
        vm.prank(hq);
        vm.expectRevert(abi.encodeWithSelector(ILogAnchor.InvalidLog.selector, LOG));
        anchor.succeed(LOG, LOG);
        vm.prank(hq);
        vm.expectRevert(abi.encodeWithSelector(ILogAnchor.UnknownLog.selector, NEW_LOG));
        anchor.succeed(LOG, NEW_LOG);
        vm.prank(hq);
        vm.expectRevert(abi.encodeWithSelector(ILogAnchor.UnknownLog.selector, NEW_LOG));
        anchor.succeed(NEW_LOG, LOG);
        vm.prank(hq);
        anchor.succeed(LOG, OTHER_LOG);
        vm.prank(hq);
        vm.expectRevert(abi.encodeWithSelector(ILogAnchor.LogClosed.selector, LOG, OTHER_LOG));
        anchor.succeed(LOG, OTHER_LOG);
        vm.prank(hq);
        vm.expectRevert(abi.encodeWithSelector(ILogAnchor.LogClosed.selector, LOG, OTHER_LOG));
        anchor.succeed(OTHER_LOG, LOG);
    }

    function test_verifyInclusion() public {
        _grow(5);
        _post(1, 6);
        bytes32[] memory proof = Trees.inclusion(hashes[LOG], 3, 0, 6);
        anchor.verifyInclusion(LOG, 6, 3, hashes[LOG][3], proof);
        vm.expectRevert(abi.encodeWithSelector(ILogAnchor.NotIncluded.selector, LOG, uint64(6), uint64(2)));
        anchor.verifyInclusion(LOG, 6, 2, hashes[LOG][3], proof);
        vm.expectRevert(abi.encodeWithSelector(ILogAnchor.UnknownSize.selector, LOG, uint64(5)));
        anchor.verifyInclusion(LOG, 5, 3, hashes[LOG][3], proof);
    }

    /// @dev A4: RFC 9162 tree heads name sizes to 2^63 at most in the languages that verify them.
    function test_sizesEndAtTwoToThe63() public {
        uint64 most = 2 ** 63;
        (address[] memory signers,) = _signers();
        vm.prank(hq);
        anchor.registerLog(NEW_LOG, bytes32(uint256(7)), type(uint64).max, signers, 2);
        bytes[] memory none = new bytes[](0);
        vm.expectRevert(abi.encodeWithSelector(ILogAnchor.SizeTooLarge.selector, most + 1));
        anchor.anchor(NEW_LOG, most + 1, bytes32(uint256(1)), new bytes32[](0), none);
        vm.expectRevert(abi.encodeWithSelector(ILogAnchor.SignatureCountOutOfRange.selector, 0, 2, 3));
        anchor.anchor(NEW_LOG, most, bytes32(uint256(1)), new bytes32[](0), none);
    }

    function test_zeroRolesAndZeroSaltAreRefused() public {
        assertEq(_create(abi.encode(address(0), GENESIS)), address(0), "a contract without roles");
        assertEq(_create(abi.encode(roles, bytes32(0))), address(0), "a contract without salt");
        assertTrue(_create(abi.encode(roles, GENESIS)) != address(0), "a contract with both");
        assertEq(anchor.domainSalt(), GENESIS, "salt");
    }

    function _create(bytes memory arguments) private returns (address deployed) {
        bytes memory code = abi.encodePacked(vm.getCode("LogAnchor.sol:LogAnchor"), arguments);
        assembly ("memory-safe") {
            deployed := create(0, add(code, 32), mload(code))
        }
    }
}
