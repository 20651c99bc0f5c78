/* Why something failed, as Go's crypto/tls and crypto/x509 say it. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "tls.h"

enum { MAX_NAMES = 100 }; /* of a certificate in one message, as in Go's */

void explain(char error[MAX_ERROR], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error, MAX_ERROR, format, arguments);
    va_end(arguments);
}

/* Go's words for an errno are the C library's, without the capital. */
const char *errno_text(int number)
{
    static _Thread_local char text[128];
    const char *known = strerrordesc_np(number);
    snprintf(text, sizeof text, "%s", known ? known : "unknown error");
    text[0] = (char)tolower((unsigned char)text[0]);
    return text;
}

/* RFC 8446 §6 and those of older versions. */
static const char *alert_text(int alert)
{
    switch (alert) {
    case SSL_AD_CLOSE_NOTIFY: return "close notify";
    case SSL_AD_UNEXPECTED_MESSAGE: return "unexpected message";
    case SSL_AD_BAD_RECORD_MAC: return "bad record MAC";
    case SSL_AD_RECORD_OVERFLOW: return "record overflow";
    case SSL_AD_DECOMPRESSION_FAILURE: return "decompression failure";
    case SSL_AD_HANDSHAKE_FAILURE: return "handshake failure";
    case SSL_AD_BAD_CERTIFICATE: return "bad certificate";
    case SSL_AD_UNSUPPORTED_CERTIFICATE: return "unsupported certificate";
    case SSL_AD_CERTIFICATE_REVOKED: return "revoked certificate";
    case SSL_AD_CERTIFICATE_EXPIRED: return "expired certificate";
    case SSL_AD_CERTIFICATE_UNKNOWN: return "unknown certificate";
    case SSL_AD_ILLEGAL_PARAMETER: return "illegal parameter";
    case SSL_AD_UNKNOWN_CA: return "unknown certificate authority";
    case SSL_AD_ACCESS_DENIED: return "access denied";
    case SSL_AD_DECODE_ERROR: return "error decoding message";
    case SSL_AD_DECRYPT_ERROR: return "error decrypting message";
    case SSL_AD_PROTOCOL_VERSION: return "protocol version not supported";
    case SSL_AD_INSUFFICIENT_SECURITY: return "insufficient security level";
    case SSL_AD_INTERNAL_ERROR: return "internal error";
    case SSL_AD_INAPPROPRIATE_FALLBACK: return "inappropriate fallback";
    case SSL_AD_USER_CANCELLED: return "user canceled";
    case SSL_AD_NO_RENEGOTIATION: return "no renegotiation";
    case SSL_AD_MISSING_EXTENSION: return "missing extension";
    case SSL_AD_UNSUPPORTED_EXTENSION: return "unsupported extension";
    case SSL_AD_UNRECOGNIZED_NAME: return "unrecognized name";
    case SSL_AD_CERTIFICATE_REQUIRED: return "certificate required";
    case SSL_AD_NO_APPLICATION_PROTOCOL: return "no application protocol";
    default: return NULL;
    }
}

static void explain_ssl(char error[MAX_ERROR], unsigned long code)
{
    int reason = ERR_GET_REASON(code);
    /* openssl/ssl.h: an alert that came is a reason of its own. */
    if (ERR_GET_LIB(code) == ERR_LIB_SSL && reason >= SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256) {
        const char *alert = alert_text(reason - SSL_AD_REASON_OFFSET);
        if (alert)
            explain(error, "remote error: tls: %s", alert);
        else
            explain(error, "remote error: tls: alert(%d)", reason - SSL_AD_REASON_OFFSET);
        return;
    }
    if (ERR_GET_LIB(code) == ERR_LIB_SSL) {
        switch (reason) {
        case SSL_R_UNEXPECTED_EOF_WHILE_READING:
            explain(error, "EOF");
            return;
        case SSL_R_WRONG_VERSION_NUMBER:
        case SSL_R_HTTP_REQUEST:
        case SSL_R_HTTPS_PROXY_REQUEST:
        case SSL_R_PACKET_LENGTH_TOO_LONG:
            explain(error, "tls: first record does not look like a TLS handshake");
            return;
        case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
            explain(error, "tls: client didn't provide a certificate");
            return;
        case SSL_R_NO_SHARED_CIPHER:
            explain(error, "tls: no cipher suite supported by both client and server");
            return;
        case SSL_R_UNSUPPORTED_PROTOCOL:
            explain(error, "tls: the peer supports no version of TLS from 1.2 on");
            return;
        case SSL_R_NO_APPLICATION_PROTOCOL:
            explain(error, "tls: client requested unsupported application protocols");
            return;
        }
    }
    const char *why = ERR_reason_error_string(code);
    explain(error, "tls: %s", why ? why : "internal error");
}

/* man 3 SSL_get_error: for SSL_ERROR_SYSCALL the queue may be empty, and errno tells. */
void explain_failure(char error[MAX_ERROR], int ssl_error, int number)
{
    unsigned long code = ERR_peek_error();
    if (ssl_error == SSL_ERROR_SSL && code)
        explain_ssl(error, code);
    else if (ssl_error == SSL_ERROR_SYSCALL && number)
        explain(error, "read: %s", errno_text(number));
    else
        explain(error, "EOF");
}

static void append(char *list, size_t size, const char *text, size_t length)
{
    size_t used = strlen(list);
    /* What cannot be printed is not worth a terminal's confusion. */
    for (size_t i = 0; i < length; i++)
        if (!isprint((unsigned char)text[i]))
            return;
    snprintf(list + used, size - used, "%s%.*s", used ? ", " : "", (int)length, text);
}

/* The names in a certificate of the kind that was asked for: addresses, or host names. */
static void list_names(X509 *leaf, bool addresses, char *list, size_t size)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    int count = sk_GENERAL_NAME_num(names);
    for (int i = 0; i < count && i < MAX_NAMES; i++) {
        GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (!addresses && name->type == GEN_DNS) {
            append(list, size, (const char *)ASN1_STRING_get0_data(name->d.dNSName), (size_t)ASN1_STRING_length(name->d.dNSName));
        } else if (addresses && name->type == GEN_IPADD) {
            char text[INET6_ADDRSTRLEN];
            int length = ASN1_STRING_length(name->d.iPAddress);
            if ((length == 4 || length == 16) && inet_ntop(length == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(name->d.iPAddress), text, sizeof text))
                append(list, size, text, strlen(text));
        }
    }
    GENERAL_NAMES_free(names);
}

static void explain_name(char error[MAX_ERROR], X509 *leaf, const char *host)
{
    char list[MAX_ERROR / 2] = "";
    struct in6_addr address;
    bool is_address = inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
    list_names(leaf, is_address, list, sizeof list);
    if (!list[0] && is_address) {
        explain(error, "tls: failed to verify certificate: x509: cannot validate certificate for %s because it doesn't contain any IP SANs", host);
        return;
    }
    if (!list[0]) {
        char common[256];
        if (X509_NAME_get_text_by_NID(X509_get_subject_name(leaf), NID_commonName, common, sizeof common) > 0)
            append(list, sizeof list, common, strlen(common));
    }
    if (list[0])
        explain(error, "tls: failed to verify certificate: x509: certificate is valid for %s, not %s", list, host);
    else
        explain(error, "tls: failed to verify certificate: x509: certificate is not valid for any names, but wanted to match %s", host);
}

static void explain_time(char error[MAX_ERROR], X509 *certificate)
{
    bool late = X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0;
    struct tm limit = { 0 }, now;
    time_t seconds = time(NULL);
    char limit_text[32], now_text[32];
    gmtime_r(&seconds, &now);
    ASN1_TIME_to_tm(late ? X509_get0_notAfter(certificate) : X509_get0_notBefore(certificate), &limit);
    strftime(limit_text, sizeof limit_text, "%FT%TZ", &limit);
    strftime(now_text, sizeof now_text, "%FT%TZ", &now);
    explain(error, "tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time %s is %s %s",
            now_text, late ? "after" : "before", limit_text);
}

static bool is_timely(X509 *certificate)
{
    return X509_cmp_current_time(X509_get0_notBefore(certificate)) < 0 && X509_cmp_current_time(X509_get0_notAfter(certificate)) > 0;
}

static bool has_name(X509_STORE_CTX *chain, X509 *leaf, const char *host)
{
    struct in6_addr address;
    if (!host)
        return true;
    if (inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1)
        return X509_check_ip_asc(leaf, host, 0) == 1;
    unsigned int flags = X509_VERIFY_PARAM_get_hostflags(X509_STORE_CTX_get0_param(chain));
    return X509_check_host(leaf, host, 0, flags, NULL) == 1;
}

/* In Go's order: the leaf's time, its name, and only then who has signed it. */
void explain_certificate(char error[MAX_ERROR], X509_STORE_CTX *chain, const char *host)
{
    X509 *leaf = X509_STORE_CTX_get0_cert(chain);
    int why = X509_STORE_CTX_get_error(chain);
    if (!is_timely(leaf)) {
        explain_time(error, leaf);
        return;
    }
    if (!has_name(chain, leaf, host)) {
        explain_name(error, leaf, host);
        return;
    }
    switch (why) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        explain_time(error, X509_STORE_CTX_get_current_cert(chain));
        return;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_CERT_UNTRUSTED:
        explain(error, "tls: failed to verify certificate: x509: certificate signed by unknown authority");
        return;
    case X509_V_ERR_INVALID_PURPOSE:
        explain(error, "tls: failed to verify certificate: x509: certificate specifies an incompatible key usage");
        return;
    default:
        explain(error, "tls: failed to verify certificate: x509: %s", X509_verify_cert_error_string(why));
        return;
    }
}
