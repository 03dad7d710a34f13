// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

/// @title TypedData
/// @notice EIP-712 digests for the domains of chain/FORMATS.md section 4.
/// @dev The separator is computed at each use, so it is right after a change of chain id as well.
library TypedData {
    bytes32 private constant DOMAIN_TYPEHASH = keccak256(
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)"
    );
    bytes32 private constant VERSION_HASH = keccak256("1");

    /// @notice Returns the domain separator of this contract under the name hashed in `nameHash`.
    /// @dev `salt` is the genesis block's hash: a chain that is reset may have this contract at this address.
    function domainSeparator(bytes32 nameHash, bytes32 salt) internal view returns (bytes32) {
        return
            keccak256(abi.encode(DOMAIN_TYPEHASH, nameHash, VERSION_HASH, block.chainid, address(this), salt));
    }

    /// @notice Returns the digest that a holder signs for `structHash`.
    function digest(bytes32 nameHash, bytes32 salt, bytes32 structHash) internal view returns (bytes32) {
        return MessageHashUtils.toTypedDataHash(domainSeparator(nameHash, salt), structHash);
    }
}
