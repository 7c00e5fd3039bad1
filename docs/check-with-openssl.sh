#!/bin/sh
# Checks a lastbell certificate without lastbell: sh, POSIX tools, sha256sum and openssl 3.0 or later.
#
#   check-with-openssl.sh [-e CASE] THRESHOLD certificate.json KEY.pub.pem...
#
# Reads the certificate, the public keys and, with -e, the files of the case folder. Changes nothing.
# Ends with 0 when every signature in the file fits one of the given keys, at least THRESHOLD distinct keys signed and
# (with -e) every file fits its digest; with 1 when not; with 2 for wrong use or a missing file.
#
# Which keys to trust is your decision: compare their ids with the region's list. Keys are counted, not people: that two
# keys belong to two holders, that a holder is not the contractor, that a key was not revoked, says only that list.
set -u
LC_ALL=C
export LC_ALL

usage() {
    echo "usage: $0 [-e CASE] THRESHOLD certificate.json KEY.pub.pem..." >&2
    exit 2
}
bad() {
    echo "BAD      $*"
    exit 1
}

case_folder=
if [ "${1-}" = -e ]; then
    [ $# -ge 2 ] && [ -d "$2" ] || usage
    case_folder=$2
    shift 2
fi
[ $# -ge 3 ] || usage
threshold=$1
certificate=$2
shift 2
case $threshold in '' | 0* | *[!0-9]*) usage ;; esac
for file in "$certificate" "$@"; do
    [ -f "$file" ] && [ -r "$file" ] || { echo "cannot read $file" >&2; exit 2; }
done
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM

# 1. The envelope has exactly one spelling. What the shell read is written again and compared with the file, because a
#    shell drops NUL bytes and final newlines; then one pattern stands for the whole line, so that sed cannot be misled.
line=$(tr -d '\000' <"$certificate")
printf '%s\n' "$line" >"$scratch/line"
cmp -s "$scratch/line" "$certificate" || { printf '%s' "$line" | cmp -s - "$certificate"; } ||
    bad "the file is not one line of text"
type=application/vnd.in-toto+json
one='[{]"keyid":"[0-9a-f]{64}","sig":"[A-Za-z0-9+/]{86}=="[}]'
grep -Eqx "[{]\"payload\":\"[A-Za-z0-9+/]+={0,2}\",\"payloadType\":\"application/vnd[.]in-toto[+]json\",\"signatures\":\\[$one(,$one)*\\][}]" \
    "$scratch/line" || bad "the file is not a certificate in its canonical form"
[ "$(wc -l <"$scratch/line")" -eq 1 ] || bad "the file has more than one line"

# 2. Base64 must be the spelling that an encoder writes.
decode() { # TEXT-FILE BYTES-FILE
    openssl base64 -d -A -in "$1" -out "$2" 2>/dev/null && openssl base64 -A -in "$2" | cmp -s - "$1"
}
sed 's/^{"payload":"\([^"]*\)".*/\1/' "$scratch/line" | tr -d '\n' >"$scratch/payload.base64"
decode "$scratch/payload.base64" "$scratch/payload" || bad "the payload is not base64"

# 3. What was signed: DSSEv1, the type and the payload, each after its length in bytes.
printf 'DSSEv1 %d %s %d ' "${#type}" "$type" "$(($(wc -c <"$scratch/payload")))" >"$scratch/signed"
cat "$scratch/payload" >>"$scratch/signed"

# 4. The given keys by their ids. Only Ed25519 keys count.
mkdir "$scratch/keys"
for key in "$@"; do
    openssl pkey -pubin -in "$key" -outform DER -out "$scratch/key.der" 2>/dev/null || bad "$key is not a public key"
    openssl pkey -pubin -in "$key" -noout -text 2>/dev/null | grep -q '^ED25519 ' || bad "$key is not an Ed25519 key"
    openssl pkey -pubin -in "$key" -out "$scratch/keys/$(sha256sum <"$scratch/key.der" | cut -d' ' -f1)" || exit 2
done

# 5. Every signature must fit the key that it names. A key that signs twice, and a list out of order, are refused.
grep -Eo "$one" "$scratch/line" | sed 's/.*"keyid":"\([^"]*\)","sig":"\([^"]*\)".*/\1 \2/' >"$scratch/signatures"
cut -d' ' -f1 "$scratch/signatures" >"$scratch/ids"
sort -cu "$scratch/ids" 2>/dev/null || bad "a key signs twice, or the signatures are not sorted by key id"
signed=0
while read -r id signature; do
    [ -f "$scratch/keys/$id" ] || bad "signature by key $id, which was not given: nobody can vouch for it"
    printf %s "$signature" >"$scratch/signature.base64"
    decode "$scratch/signature.base64" "$scratch/signature" || bad "the signature by key $id is not base64"
    openssl pkeyutl -verify -rawin -pubin -inkey "$scratch/keys/$id" -in "$scratch/signed" \
        -sigfile "$scratch/signature" >/dev/null 2>&1 || bad "the signature by key $id does not fit"
    echo "FITS     $id"
    signed=$((signed + 1))
done <"$scratch/signatures"
[ "$signed" -ge "$threshold" ] || bad "$signed distinct keys signed, $threshold are needed"

# 6. The evidence. Keys are sorted, so "subject" is the last member of the statement, and a quotation mark inside a text
#    is always written \", so that no text can look like a member.
pair='[{]"digest":[{]"sha256":"[0-9a-f]{64}"[}],"name":"[A-Za-z0-9._/-]+"[}]'
subjects=$(grep -Eo "\"subject\":\\[$pair(,$pair)*\\][}]\$" "$scratch/payload") || bad "the statement names no evidence"
printf '%s\n' "$subjects" | grep -Eo "$pair" |
    sed 's/.*"sha256":"\([^"]*\)"},"name":"\([^"]*\)".*/\1 \2/' >"$scratch/evidence"
journal=$(grep -Eo '"journal":[{]"entries":[0-9]+,"head":"[0-9a-f]{64}","sha256":"[0-9a-f]{64}"[}]' \
    "$scratch/payload") || bad "the statement names no journal"
[ "$(printf '%s\n' "$journal" | wc -l)" -eq 1 ] || bad "the statement names several journals"
entries=$(printf %s "$journal" | sed 's/.*"entries":\([0-9]*\).*/\1/')
journal_digest=$(printf %s "$journal" | sed 's/.*"sha256":"\([^"]*\)".*/\1/')

compare() { # NAME EXPECTED FOUND
    [ "$2" = "$3" ] || bad "$1 is not the file that was signed for"
    echo "SAME     $1"
}
if [ -n "$case_folder" ]; then
    while read -r digest name; do
        case /$name/ in */../* | *//*) bad "the statement names a file outside the case" ;; esac
        [ -f "$case_folder/$name" ] || bad "$name is missing"
        compare "$name" "$digest" "$(sha256sum <"$case_folder/$name" | cut -d' ' -f1)"
    done <"$scratch/evidence"
    [ -f "$case_folder/journal.jsonl" ] || bad "journal.jsonl is missing"
    compare journal.jsonl "$journal_digest" "$(head -n "$entries" "$case_folder/journal.jsonl" | sha256sum | cut -d' ' -f1)"
else
    echo "NOT CHECKED  the $(($(wc -l <"$scratch/evidence"))) files and the journal that the statement rests on: use -e CASE"
fi
echo "NOT CHECKED  holders, parties, validity and revocation of the keys; when it was signed; whether the claims are true"
echo "GOOD     $signed distinct keys signed, $threshold needed"
