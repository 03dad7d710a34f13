// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Rfc9162} from "../src/libraries/Rfc9162.sol";
import {IRfc9162Caller} from "./support/IRfc9162Caller.sol";
import {Test} from "./support/Test.sol";
import {Trees} from "./support/Trees.sol";

contract Rfc9162Test is Test {
    uint256 private constant LARGEST = 20;
    IRfc9162Caller private caller;

    function setUp() public {
        caller = IRfc9162Caller(deploy("Rfc9162Caller.sol:Rfc9162Caller", ""));
    }

    function _leaves(uint256 size) private pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[](size);
        for (uint256 i = 0; i < size; ++i) {
            leaves[i] = Trees.leaf(keccak256(abi.encode(i)), 0);
        }
    }

    function _slice(bytes32[] memory list, uint256 start, uint256 end)
        private
        pure
        returns (bytes32[] memory out)
    {
        out = new bytes32[](end - start);
        for (uint256 i = start; i < end; ++i) {
            out[i - start] = list[i];
        }
    }

    /// @dev From outside our code: SHA-256 of 0x00 || 0x01 || 64 zeros is fixed by the standard alone.
    function testFuzz_hashesAreThoseOfTheBuiltIn(bytes32 first, bytes32 second) public view {
        assertEq(caller.hashLeaf(first, second), Trees.leaf(first, second), "leaf");
        assertEq(caller.hashNode(first, second), Trees.node(first, second), "node");
    }

    function test_everyInclusionOfSmallTrees() public view {
        for (uint64 size = 1; size <= LARGEST; ++size) {
            bytes32[] memory leaves = _leaves(size);
            bytes32 root = Trees.root(leaves, 0, size);
            for (uint64 index = 0; index < size; ++index) {
                bytes32[] memory proof = Trees.inclusion(leaves, index, 0, size);
                assertTrue(caller.isIncluded(index, size, leaves[index], proof, root), "included");
                _refuseInclusions(index, size, leaves[index], proof, root);
            }
        }
    }

    function _refuseInclusions(uint64 index, uint64 size, bytes32 leaf, bytes32[] memory proof, bytes32 root)
        private
        view
    {
        assertTrue(!caller.isIncluded(size, size, leaf, proof, root), "index beyond the tree");
        assertTrue(!caller.isIncluded(index, size, leaf, Trees.append(proof, root), root), "one too many");
        assertTrue(!caller.isIncluded(index, size, ~leaf, proof, root), "another leaf");
        assertTrue(!caller.isIncluded(index, size, leaf, proof, ~root), "another root");
        if (index != 0) assertTrue(!caller.isIncluded(index - 1, size, leaf, proof, root), "another index");
        if (proof.length == 0) return;
        assertTrue(!caller.isIncluded(index, size, leaf, Trees.without(proof, 0), root), "one too few");
        for (uint256 i = 0; i < proof.length; ++i) {
            proof[i] = ~proof[i];
            assertTrue(!caller.isIncluded(index, size, leaf, proof, root), "a changed node");
            proof[i] = ~proof[i];
        }
    }

    function test_everyConsistencyOfSmallTrees() public view {
        bytes32[] memory leaves = _leaves(LARGEST);
        for (uint64 size2 = 1; size2 <= LARGEST; ++size2) {
            bytes32 root2 = Trees.root(leaves, 0, size2);
            for (uint64 size1 = 1; size1 <= size2; ++size1) {
                bytes32 root1 = Trees.root(leaves, 0, size1);
                bytes32[] memory proof = Trees.consistency(leaves, size1, 0, size2, true);
                assertTrue(caller.isConsistent(size1, root1, size2, root2, proof), "consistent");
                _refuseConsistencies(size1, root1, size2, root2, proof);
            }
        }
    }

    function _refuseConsistencies(
        uint64 size1,
        bytes32 root1,
        uint64 size2,
        bytes32 root2,
        bytes32[] memory proof
    ) private view {
        assertTrue(!caller.isConsistent(0, root1, size2, root2, proof), "from size 0");
        assertTrue(!caller.isConsistent(size2 + 1, root1, size2, root2, proof), "to a smaller tree");
        assertTrue(!caller.isConsistent(size1, ~root1, size2, root2, proof), "another old root");
        assertTrue(!caller.isConsistent(size1, root1, size2, ~root2, proof), "another new root");
        bytes32[] memory longer = Trees.append(proof, root1);
        assertTrue(!caller.isConsistent(size1, root1, size2, root2, longer), "one too many");
        if (proof.length == 0) return;
        bytes32[] memory shorter = Trees.without(proof, proof.length - 1);
        assertTrue(!caller.isConsistent(size1, root1, size2, root2, shorter), "one too few");
        for (uint256 i = 0; i < proof.length; ++i) {
            proof[i] = ~proof[i];
            assertTrue(!caller.isConsistent(size1, root1, size2, root2, proof), "a changed node");
            proof[i] = ~proof[i];
        }
    }

    function test_everyWindowOfSmallTrees() public view {
        for (uint64 size = 1; size <= LARGEST; ++size) {
            bytes32[] memory leaves = _leaves(size);
            bytes32 root = Trees.root(leaves, 0, size);
            for (uint64 start = 0; start < size; ++start) {
                for (uint64 end = start + 1; end <= size; ++end) {
                    bytes32[] memory left = Trees.left(leaves, start);
                    bytes32[] memory right = Trees.right(leaves, end, size);
                    bytes32 got = caller.rootFromWindow(start, _slice(leaves, start, end), size, left, right);
                    assertEq(got, root, "root");
                }
            }
        }
    }

    function testFuzz_windowWithOneChangedNodeLeadsElsewhere(
        uint256 size,
        uint256 start,
        uint256 end,
        uint256 place,
        uint8 bit
    ) public view {
        size = bound(size, 2, 40);
        start = bound(start, 0, size - 1);
        end = bound(end, start + 1, size);
        bytes32[] memory leaves = _leaves(size);
        bytes32[] memory window = _slice(leaves, start, end);
        bytes32[] memory left = Trees.left(leaves, start);
        bytes32[] memory right = Trees.right(leaves, end, size);
        place = bound(place, 0, window.length + left.length + right.length - 1);
        bytes32 flip = bytes32(uint256(1) << bit);
        if (place < window.length) window[place] ^= flip;
        else if (place < window.length + left.length) left[place - window.length] ^= flip;
        else right[place - window.length - left.length] ^= flip;
        bytes32 got = caller.rootFromWindow(uint64(start), window, uint64(size), left, right);
        assertTrue(got != Trees.root(leaves, 0, size), "a changed node");
    }

    function testFuzz_windowNeedsExactlyItsNodes(uint256 size, uint256 start, uint256 end, uint256 which)
        public
        view
    {
        size = bound(size, 2, 40);
        start = bound(start, 0, size - 1);
        end = bound(end, start + 1, size);
        bytes32[] memory leaves = _leaves(size);
        bytes32[] memory window = _slice(leaves, start, end);
        bytes32[] memory left = Trees.left(leaves, start);
        bytes32[] memory right = Trees.right(leaves, end, size);
        if (which % 2 == 0) left = _unfit(left, which);
        else right = _unfit(right, which);
        bytes32[] memory given = which % 2 == 0 ? left : right;
        try caller.rootFromWindow(uint64(start), window, uint64(size), left, right) {
            revert NotTrue("a window with a node too many or too few");
        } catch (bytes memory reason) {
            assertEq(bytes32(bytes4(reason)), bytes32(Rfc9162.ProofLengthMismatch.selector), "error");
            assertEq(_word(reason, 0), given.length, "got");
        }
    }

    /// @dev The list with one node more, or less where it has one and the choice says so.
    function _unfit(bytes32[] memory list, uint256 choice) private pure returns (bytes32[] memory) {
        if (list.length == 0 || (choice >> 1) % 2 == 0) return Trees.append(list, bytes32(choice));
        return Trees.without(list, (choice >> 2) % list.length);
    }

    function _word(bytes memory data, uint256 position) private pure returns (uint256 word) {
        for (uint256 i = 0; i < 32; ++i) {
            word = (word << 8) | uint8(data[4 + 32 * position + i]);
        }
    }

    function test_windowMustLieInTheTree() public {
        bytes32[] memory leaves = _leaves(3);
        bytes32[] memory none = new bytes32[](0);
        vm.expectRevert(abi.encodeWithSelector(Rfc9162.WindowOutOfTree.selector, 1, 1, 3));
        caller.rootFromWindow(1, none, 3, none, none);
        vm.expectRevert(abi.encodeWithSelector(Rfc9162.WindowOutOfTree.selector, 1, 4, 3));
        caller.rootFromWindow(1, leaves, 3, none, none);
    }

    /// @dev A proof node of zeros is a node like any other: it never stands for "no sibling".
    function test_zeroNodesAreNodes() public view {
        bytes32[] memory leaves = _leaves(3);
        bytes32[] memory left = new bytes32[](1);
        bytes32[] memory none = new bytes32[](0);
        bytes32 got = caller.rootFromWindow(1, _slice(leaves, 1, 3), 3, left, none);
        assertEq(got, Trees.node(Trees.node(0, leaves[1]), leaves[2]), "zero on the left");
        bytes32[] memory right = new bytes32[](1);
        got = caller.rootFromWindow(0, _slice(leaves, 0, 2), 3, none, right);
        assertEq(got, Trees.node(Trees.node(leaves[0], leaves[1]), 0), "zero on the right");
    }

    /// @dev The largest tree there can be: 2^64 - 1 leaves of which the last one is shown.
    function test_largestTree() public view {
        bytes32[] memory leaves = _leaves(1);
        bytes32[] memory left = new bytes32[](63);
        for (uint256 i = 0; i < 63; ++i) {
            left[i] = keccak256(abi.encode("left", i));
        }
        bytes32 want = leaves[0];
        for (uint256 i = 63; i > 0; --i) {
            want = Trees.node(left[i - 1], want);
        }
        uint64 size = type(uint64).max;
        bytes32[] memory none = new bytes32[](0);
        assertEq(caller.rootFromWindow(size - 1, leaves, size, left, none), want, "root");
    }
}
