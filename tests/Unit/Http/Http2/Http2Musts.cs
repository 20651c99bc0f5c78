using System.Reflection;

namespace AotRuntime.Tests.Unit.Http.Http2;

/// <summary>
/// Every MUST of RFC 9113 and RFC 7541 that binds an origin server or its client, in the order of the sections, and the tests that hold it.
/// Left out: what binds intermediaries and caches (§8.1.1, 8.2.2, 8.3.1, 10.3, 10.4; RFC 7541 §6.2.3, 7.1.3), what a sender of pushes, padding,
/// priorities or extensions must do (§5.5, 6.1, 6.2, 6.6, 8.4, 8.5: nothing here sends them), and deployments (§9.2.1 to 9.2.3).
/// </summary>
public class Http2Musts
{
    private static readonly (string Section, string Must, string[] Tests)[] s_all =
    [
        ("3.2", "over TLS both send the preface, and only what ALPN chose is spoken", [nameof(TlsListenerTests) + ".ALPN_chooses_HTTP_2_for_a_client_that_offers_nothing_else"]),
        ("3.4", "the client's preface is followed by SETTINGS", ["S3_4_The_clients_first_frame_must_be_Settings", "S8_2_Requests_are_what_HTTP_2_has_them_be"]),
        ("3.4", "the server's first frame is SETTINGS", ["S3_4_The_servers_first_frame_is_Settings", "S3_4_The_servers_first_frame_must_be_Settings"]),
        ("3.4", "the peer's first SETTINGS are acknowledged", ["S6_5_3_Settings_are_acknowledged_each"]),
        ("3.4", "an invalid preface is an error of the connection", ["S3_4_A_wrong_preface_ends_the_connection"]),
        ("4.1", "unknown frame types are discarded", ["S4_1_Unknown_frame_types_are_ignored"]),
        ("4.1", "unused flags and the reserved bit are ignored", ["S4_1_Undefined_flags_and_the_reserved_bit_are_ignored"]),
        ("4.1", "unused flags and the reserved bit are unset", ["S4_1_Undefined_flags_and_the_reserved_bit_are_never_set"]),
        ("4.1", "no frame is longer than the peer takes", ["S4_2_Frames_are_no_longer_than_the_peer_takes", "S4_3_A_long_block_is_sent_in_frames_that_nothing_comes_between"]),
        ("4.2", "frames of 16,384 octets are taken", ["S4_2_A_frame_of_16384_octets_is_taken"]),
        ("4.2", "a frame that is too long is FRAME_SIZE_ERROR, of the connection where it changes the connection's state", ["S4_2_A_Data_frame_beyond_the_limit_is_an_error", "S4_2_A_Headers_frame_beyond_the_limit_ends_the_connection", "S4_2_A_Settings_frame_beyond_the_limit_ends_the_connection", "S4_2_A_frame_beyond_the_limit"]),
        ("4.2", "so is one that is too short for what it must hold", ["S4_2_A_frame_too_short_for_what_it_must_hold_ends_the_connection"]),
        ("4.3", "a field block's frames follow each other", ["S4_3_A_long_block_is_sent_in_frames_that_nothing_comes_between", "S4_3_A_block_is_not_interrupted_by_another_stream", "S4_3_A_block_is_not_interrupted_by_a_frame_of_its_stream", "S4_3_A_continuation_belongs_to_its_own_stream"]),
        ("4.3", "a decoding error is COMPRESSION_ERROR of the connection", ["S4_3_A_block_that_cannot_be_decoded_ends_the_connection", "S4_3_A_block_that_cannot_be_decoded"]),
        ("4.3.1", "after a smaller table the next block begins with its size", ["S4_3_1_A_smaller_table_is_said_first", "H4_2_A_smaller_table_of_ours_is_respected"]),
        ("5.1", "idle: anything but HEADERS and PRIORITY is PROTOCOL_ERROR", ["S5_1_Idle_Data_ends_the_connection", "S5_1_Idle_RstStream_ends_the_connection", "S5_1_Idle_WindowUpdate_ends_the_connection", "S5_1_Idle_Continuation_ends_the_connection", "S5_1_Idle_Priority_is_allowed", "S5_1_Data_on_a_stream_not_begun", "S5_1_Headers_on_a_stream_not_begun"]),
        ("5.1", "half-closed (remote): anything but WINDOW_UPDATE, PRIORITY and RST_STREAM is STREAM_CLOSED", ["S5_1_Half_closed_Data_is_an_error", "S5_1_Half_closed_Headers_is_an_error", "S5_1_Half_closed_WindowUpdate_Priority_and_RstStream_are_allowed"]),
        ("5.1", "closed: nothing is sent, and what comes late is discarded", ["S6_4_Nothing_is_sent_on_a_stream_that_the_peer_has_reset", "S5_1_Closed_WindowUpdate_RstStream_and_Priority_are_ignored", "S5_4_2_What_was_under_way_when_a_stream_was_reset_is_taken"]),
        ("5.1", "closed by the peer: more from it is an error", ["S5_1_Closed_by_RstStream_Data_is_an_error", "S5_1_Closed_by_RstStream_Headers_is_an_error", "S5_1_Closed_Data_is_an_error", "S5_1_Closed_Headers_ends_the_connection"]),
        ("5.1.1", "a client's ids are odd, a server's even", ["S5_1_1_An_even_id_from_a_client_ends_the_connection", "S5_1_1_A_servers_own_stream", "The_h2_librarys_server_serves_us"]),
        ("5.1.1", "ids grow", ["S5_1_1_Ids_must_grow", "S5_1_1_Ids_may_be_left_out"]),
        ("5.1.2", "the peer's limit on streams is kept", ["The_servers_limit_on_streams_makes_requests_wait", "The_h2_librarys_server_serves_us"]),
        ("5.1.2", "streams beyond one's own limit are refused", ["S5_1_2_Streams_beyond_the_limit_are_refused"]),
        ("5.2.1", "the receiver's windows are respected", ["S6_9_1_No_data_is_sent_beyond_the_streams_window", "S6_9_1_No_data_is_sent_beyond_the_connections_window"]),
        ("5.2.2", "frames are read as they come, whatever the streams do", ["Windows_are_renewed_while_a_body_is_read", "A_peer_that_overruns_a_streams_window_is_reset"]),
        ("5.4.1", "after GOAWAY for an error the connection is closed", ["S4_1_Undefined_flags_and_the_reserved_bit_are_never_set", "S6_1_Data_on_stream_0"]),
        ("5.4.2", "after RST_STREAM, what was under way is taken", ["S5_4_2_What_was_under_way_when_a_stream_was_reset_is_taken"]),
        ("5.4.2", "RST_STREAM is not answered with RST_STREAM", ["S5_4_2_RstStream_is_not_answered_with_RstStream"]),
        ("5.5", "unknown settings, frames and codes are ignored, but not within a block", ["S6_5_2_Unknown_settings_are_ignored", "S4_1_Unknown_frame_types_are_ignored", "S7_Unknown_error_codes_mean_nothing_special", "S5_5_An_unknown_frame_within_a_block_ends_the_connection"]),
        ("6.1", "DATA on stream 0", ["S6_1_Data_on_stream_0"]),
        ("6.1", "DATA on a stream that is not open", ["S5_1_Half_closed_Data_is_an_error", "S5_1_Closed_Data_is_an_error"]),
        ("6.1", "padding no shorter than the payload", ["S6_1_Padding_as_long_as_the_payload", "S6_1_Padding_is_no_data"]),
        ("6.2", "HEADERS on stream 0", ["S6_2_Headers_on_stream_0"]),
        ("6.2", "padding no shorter than the payload", ["S6_2_Padding_as_long_as_the_payload", "S6_2_Padding_and_priority_are_passed_over"]),
        ("6.3", "PRIORITY on stream 0", ["S6_3_Priority_on_stream_0"]),
        ("6.3", "PRIORITY of another length than 5", ["S6_3_Priority_of_another_length"]),
        ("6.4", "nothing follows RST_STREAM", ["S6_4_Nothing_is_sent_on_a_stream_that_the_peer_has_reset"]),
        ("6.4", "RST_STREAM on stream 0, on an idle stream, of another length than 4", ["S6_4_RstStream_on_stream_0", "S5_1_Idle_RstStream_ends_the_connection", "S5_1_RstStream_on_a_stream_not_begun", "S6_4_RstStream_of_another_length"]),
        ("6.5", "an acknowledgement is empty", ["S6_5_An_acknowledgement_with_payload"]),
        ("6.5", "SETTINGS on a stream", ["S6_5_Settings_on_a_stream"]),
        ("6.5", "SETTINGS of a length that is no multiple of 6", ["S6_5_Settings_of_a_length_that_is_no_multiple_of_6"]),
        ("6.5.2", "ENABLE_PUSH is 0 or 1, and never 1 from a server", ["S6_5_2_EnablePush_is_0_or_1", "S6_5_2_A_server_does_not_enable_push", "S6_5_2_A_server_announces_no_push_and_a_frame_size_within_the_range"]),
        ("6.5.2", "PUSH_PROMISE where push is off", ["S6_6_Push_was_refused"]),
        ("6.5.2", "INITIAL_WINDOW_SIZE is at most 2^31-1", ["S6_5_2_InitialWindowSize_is_at_most_2147483647"]),
        ("6.5.2", "MAX_FRAME_SIZE is between 2^14 and 2^24-1", ["S6_5_2_MaxFrameSize_is_at_least_16384", "S6_5_2_MaxFrameSize_is_at_most_16777215", "S6_5_2_A_server_announces_no_push_and_a_frame_size_within_the_range"]),
        ("6.5.2", "unknown settings are ignored", ["S6_5_2_Unknown_settings_are_ignored"]),
        ("6.5.3", "values are applied in order, and acknowledged at once", ["S6_5_3_Values_are_taken_in_their_order", "S6_5_3_Settings_are_acknowledged_each"]),
        ("6.6", "PUSH_PROMISE from a client, or where it was refused", ["S6_6_PushPromise_from_a_client", "S6_6_Push_was_refused"]),
        ("6.7", "a PING is answered with its octets and the flag", ["S6_7_A_Ping_is_answered_with_its_own_octets"]),
        ("6.7", "an answer is not answered", ["S6_7_An_answer_to_no_Ping_is_not_answered"]),
        ("6.7", "PING on a stream, or of another length than 8", ["S6_7_Ping_on_a_stream", "S6_7_Ping_of_another_length"]),
        ("6.8", "after GOAWAY no streams are opened", ["Goaway_fails_what_was_not_processed_and_finishes_the_rest"]),
        ("6.8", "GOAWAY on a stream", ["S6_8_GoAway_on_a_stream"]),
        ("6.8", "the last id is never raised", ["A_connection_without_requests_is_ended_in_good_order", "Stopping_lets_running_requests_finish_and_takes_those_under_way"]),
        ("6.8", "what is ignored still counts for the table and the window", ["S5_4_2_What_was_under_way_when_a_stream_was_reset_is_taken", "S6_9_Data_of_a_stream_that_was_reset_counts_for_the_connection"]),
        ("6.9", "an increment of 0", ["S6_9_A_connection_window_update_of_0", "S6_9_A_stream_window_update_of_0", "S6_9_A_window_update_of_0"]),
        ("6.9", "WINDOW_UPDATE on a half-closed or closed stream is no error", ["S5_1_Half_closed_WindowUpdate_Priority_and_RstStream_are_allowed", "S5_1_Closed_WindowUpdate_RstStream_and_Priority_are_ignored"]),
        ("6.9", "every DATA frame counts for the connection", ["S6_9_Data_of_a_stream_that_was_reset_counts_for_the_connection"]),
        ("6.9", "WINDOW_UPDATE of another length than 4", ["S6_9_A_window_update_of_another_length"]),
        ("6.9.1", "nothing is sent beyond a window", ["S6_9_1_No_data_is_sent_beyond_the_streams_window", "S6_9_1_No_data_is_sent_beyond_the_connections_window"]),
        ("6.9.1", "a window beyond 2^31-1", ["S6_9_1_A_connection_window_beyond_2147483647", "S6_9_1_A_stream_window_beyond_2147483647", "S6_9_1_The_windows_limit"]),
        ("6.9.2", "a new initial size moves all windows, even below 0, and not beyond 2^31-1", ["S6_9_2_A_new_initial_window_moves_the_windows_of_open_streams_even_below_0", "S6_9_2_A_new_initial_window_that_overflows_a_streams"]),
        ("6.10", "CONTINUATION follows its block's frames, on their stream", ["S6_10_A_block_may_come_in_many_frames", "S6_10_Continuation_on_stream_0", "S6_10_Continuation_after_the_blocks_end", "S6_10_Continuation_after_Data"]),
        ("7", "unknown error codes mean nothing special", ["S7_Unknown_error_codes_mean_nothing_special"]),
        ("8.1", "trailers have no pseudo-header fields, and end the stream", ["S8_1_Trailers_have_no_pseudo_fields", "S8_1_Trailers_end_the_stream"]),
        ("8.1", "an answer is kept though RST_STREAM with NO_ERROR follows", ["S8_1_A_complete_answer_is_kept_though_the_rest_of_the_request_is_not_wanted", "An_answer_before_the_body_is_read_ends_with_a_reset_without_error"]),
        ("8.1.1", "malformed messages are PROTOCOL_ERROR of the stream, and not accepted", ["S8_1_1_The_body_is_as_long_as_content_length_says", "S8_1_1_A_length_without_a_body", "S8_1_Data_before_Headers", "S8_1_An_interim_response_does_not_end_the_stream", "S8_2_Malformed_fields"]),
        ("8.2", "names are sent in lower case", ["S8_2_Fields_of_HTTP_1_become_what_HTTP_2_has_them_be", "S8_2_Requests_are_what_HTTP_2_has_them_be"]),
        ("8.2.1", "names and values are of the characters they may have", ["S8_2_1_Names_are_of_lower_case_tokens", "S8_2_1_A_name_has_no_colon", "S8_2_1_Values_have_no_NUL_CR_or_LF", "S8_2_1_Values_neither_begin_nor_end_with_blanks"]),
        ("8.2.2", "connection-specific fields are not sent", ["S8_2_Fields_of_HTTP_1_become_what_HTTP_2_has_them_be", "S8_2_Requests_are_what_HTTP_2_has_them_be"]),
        ("8.2.2", "connection-specific fields are malformed, and te but for trailers", ["S8_2_2_Connection_specific_fields", "S8_2_2_Te_says_trailers_alone", "S8_2_2_Te_may_say_trailers"]),
        ("8.2.3", "cookies are joined", ["S8_2_Fields_of_HTTP_1_become_what_HTTP_2_has_them_be", "S8_2_3_A_cookie_may_come_in_pieces"]),
        ("8.3", "pseudo-header fields: the known ones, of the right kind, first, and once", ["S8_3_An_unknown_pseudo_field", "S8_3_A_responses_pseudo_field_in_a_request", "S8_3_Pseudo_fields_come_first", "S8_3_No_pseudo_field_twice"]),
        ("8.3.1", "the authority, not Host, says where to, and has no userinfo", ["S8_2_Fields_of_HTTP_1_become_what_HTTP_2_has_them_be", "S8_3_1_Host_does_not_differ_from_the_authority", "S8_3_1_The_authority_has_no_userinfo"]),
        ("8.3.1", "a client sends the authority", ["S8_2_Requests_are_what_HTTP_2_has_them_be"]),
        ("8.3.1", "method, scheme and path are there, once, and the path is not empty", ["S8_3_1_Method_scheme_and_path_are_there", "S8_3_1_The_path_is_not_empty"]),
        ("8.3.2", "a status in every response", ["S8_3_2_A_status_there_must_be"]),
        ("8.5", "CONNECT has neither scheme nor path", ["S8_5_Connect_has_neither_scheme_nor_path", "S8_5_Connect_is_refused_by_an_origin_server"]),
        ("8.7", "REFUSED_STREAM only for what no handler has seen", ["Streams_beyond_the_limit_are_refused", "A_stream_that_was_reset_counts_while_its_handler_runs"]),
        ("9.2", "TLS 1.2 or higher", [nameof(TlsListenerTests) + ".TLS_older_than_1_2_is_refused"]),
        ("10.5.1", "a block beyond the limit is still decoded", ["Fields_beyond_the_limit_are_answered_431", "A_list_beyond_the_limit_is_told_but_the_table_follows"]),
        ("H2.1", "fields keep their order", ["What_the_encoder_writes_the_decoder_reads_whatever_the_table_sizes"]),
        ("H2.3.2", "the same entry twice is no error", ["H2_3_2_The_same_entry_may_be_in_the_table_twice"]),
        ("H2.3.3", "an index beyond both tables", ["H2_3_3_An_index_beyond_both_tables"]),
        ("H4.2", "a size update comes at the beginning of a block, the smallest first", ["H4_2_A_table_size_after_a_field", "H4_2_Two_table_sizes_at_the_beginning", "A_table_made_smaller_and_larger_again_says_both_sizes_first"]),
        ("H5.1", "integers beyond the limit", ["H5_1_An_integer_beyond_the_limit", "Integers_cut_off_or_too_large_are_refused"]),
        ("H5.2", "Huffman: padding beyond 7 bits, not of EOS, EOS itself", ["H5_2_Huffman_padding_longer_than_7_bits", "H5_2_Huffman_padding_of_zeros", "H5_2_Huffman_text_with_EOS"]),
        ("H6.1", "index 0", ["H6_1_Index_0"]),
        ("H6.2.3", "secrets go as never indexed", ["Secrets_are_never_indexed", "H6_2_All_three_literals_are_understood_and_the_table_follows"]),
        ("H6.3", "a table size beyond the setting", ["H4_2_A_table_size_beyond_the_setting"]),
    ];

    [Fact]
    public void Each_has_its_tests()
    {
        HashSet<string> tests = [];
        foreach (Type type in typeof(Http2Musts).Assembly.GetTypes().Where(t => t.Namespace?.StartsWith("AotRuntime.Tests.Unit.Http", StringComparison.Ordinal) == true))
        {
            foreach (MethodInfo method in type.GetMethods().Where(m => m.GetCustomAttributes<FactAttribute>().Any()))
            {
                tests.Add(method.Name);
                tests.Add($"{type.Name}.{method.Name}");
            }
        }
        Assert.All(s_all, must => Assert.NotEmpty(must.Tests));
        Assert.Empty(s_all.SelectMany(must => must.Tests).Where(test => !tests.Contains(test)).Distinct());
    }
}
